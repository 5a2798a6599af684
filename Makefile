# The two commands: make demo, make test. Each does its whole set-up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.dev-installed
BUILD_INSTALLED := $(VENV)/.build-installed
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)
BUILDER ?= docker
DIST ?= dist
UPGRADE ?= --upgrade

.PHONY: demo test lint format dashboards rules docs chart lock wheel image sbom audit clean

demo: $(INSTALLED)  ## run the exporter on the built-in simulator
	@exec $(BIN)/yunfu-exporter demo $(ARGS)

test: lint  ## run every test
	$(BIN)/pytest $(ARGS)

lint: $(DEV_INSTALLED)  ## check types and style
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

format: $(DEV_INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

dashboards: $(DEV_INSTALLED)  ## write the dashboards' JSON from their code
	$(BIN)/python -m grafana.build

rules: $(DEV_INSTALLED)  ## write the alerts as n9e imports them from the shipped rules
	$(BIN)/python -m prometheus.nightingale

docs: $(DEV_INSTALLED)  ## write the references of the configuration and the metrics from the code
	$(BIN)/python -m docs.build

chart: $(DEV_INSTALLED)  ## write what is generated of the Helm chart: its READMEs' tables, schema and golden renders
	$(BIN)/python -m helm.build
	$(BIN)/python -m tests.support.chart

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

lock: $(DEV_INSTALLED)  ## renew the hashed locks, or with UPGRADE= only fit them to pyproject.toml; they name no host
	$(LOCK) $(UPGRADE) pyproject.toml --output-file requirements.txt
	$(LOCK) $(UPGRADE) pyproject.toml --group dev --output-file requirements-dev.txt
	$(LOCK) $(UPGRADE) --group build --output-file requirements-build.txt

# What is built records the sources it is from, and is the same for the same sources.
wheel image sbom: export SOURCE_REVISION ?= $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
wheel image sbom: export SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

wheel: $(BUILD_INSTALLED)  ## build the sdist, from it the wheel, and the lock to install it with, in dist/
	@rm -f $(DIST)/yunfu_exporter-* $(DIST)/yunfu-exporter-*.cdx.json
	$(BIN)/hatchling build --target sdist --directory $(DIST)
	$(BIN)/pip --disable-pip-version-check wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir $(DIST) $(DIST)/yunfu_exporter-$(VERSION).tar.gz
	@cp requirements.txt $(DIST)

image:  ## build the container image with BUILDER: docker, podman or buildah
	$(BUILDER) build --build-arg SOURCE_REVISION="$(SOURCE_REVISION)" --build-arg VERSION="$(VERSION)" \
		--build-arg SOURCE_DATE_EPOCH="$(SOURCE_DATE_EPOCH)" --tag yunfu-exporter:$(VERSION) $(ARGS) .

sbom: $(DEV_INSTALLED) wheel  ## list what an installation consists of, as CycloneDX, in dist/
	$(BIN)/uv venv --quiet --clear build/sbom
	$(BIN)/uv pip install --quiet --python build/sbom --require-hashes -r requirements.txt
	$(BIN)/uv pip install --quiet --python build/sbom --no-index --no-deps --find-links $(DIST) yunfu-exporter
	$(BIN)/cyclonedx-py environment --output-reproducible --output-file $(DIST)/yunfu-exporter-$(VERSION).cdx.json build/sbom

audit: $(DEV_INSTALLED)  ## look the locked packages up in the database of known vulnerabilities; needs the network
	$(BIN)/uv tool run pip-audit@2.10.1 --strict --require-hashes --disable-pip -r requirements.txt -r requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "yunfu-exporter needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "yunfu-exporter needs Python's venv module with pip; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(INSTALLED): $(VENV)/pyvenv.cfg requirements.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(BUILD_INSTALLED): $(VENV)/pyvenv.cfg requirements-build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.txt
	@touch $@

$(DEV_INSTALLED): $(INSTALLED) requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
