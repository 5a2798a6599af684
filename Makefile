# The two commands: make demo, make test. Each does its whole set-up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.dev-installed

.PHONY: demo test lint format dashboards docs lock clean

demo: $(INSTALLED)  ## run the exporter on the built-in simulator
	@exec $(BIN)/yunfu-exporter demo $(ARGS)

test: lint  ## run every test
	$(BIN)/pytest $(ARGS)

lint: $(DEV_INSTALLED)  ## check types and style
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(DEV_INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

dashboards: $(DEV_INSTALLED)  ## write the dashboards' JSON from their code
	$(BIN)/python -m grafana.build

docs: $(DEV_INSTALLED)  ## write the references of the configuration and the metrics from the code
	$(BIN)/python -m docs.build

lock: $(DEV_INSTALLED)  ## renew the hashed locks; they name no host
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 pyproject.toml --group dev --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "yunfu-exporter needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): $(VENV)/pyvenv.cfg requirements.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(DEV_INSTALLED): $(INSTALLED) requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
