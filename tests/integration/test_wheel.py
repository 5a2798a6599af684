"""What is released: built as ``make sbom`` builds it, and used where nothing but it and the locked packages is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter import __version__
from exporter.demo.simulator import SimulatorOptions
from exporter.files.shipped import shipped_names
from tests.support.programs import simulated, surroundings, write_config
from tests.support.tools import ROOT, make, missing, need, run

REVISION = "fedcba9876543210fedcba9876543210fedcba98"
UV = Path(sys.executable).with_name("uv")
NAME = f"yunfu_exporter-{__version__}"


@dataclass(frozen=True)
class Release:
    """What a build leaves behind."""

    directory: Path

    @property
    def wheel(self) -> Path:
        """What is installed."""
        return self.directory / f"{NAME}-py3-none-any.whl"

    @property
    def sdist(self) -> Path:
        """The sources that the wheel was built from."""
        return self.directory / f"{NAME}.tar.gz"

    @property
    def sbom(self) -> dict[str, Any]:
        """The list of components."""
        reported: dict[str, Any] = json.loads((self.directory / f"yunfu-exporter-{__version__}.cdx.json").read_text())
        return reported


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Build all of it."""
    directory = tmp_path_factory.mktemp("dist")
    make("sbom", f"DIST={directory}", f"SOURCE_REVISION={REVISION}")
    return Release(directory)


def interpreter(version: str) -> str:
    """Return the path of an interpreter that really runs: pyenv lays out commands also for those it does not choose."""
    program, mend = f"python{version}", f"install Python {version}; if pyenv has it, name it in PYENV_VERSION"
    words = (need(program, mend), "-c", "import sys; print(sys.executable)")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else missing(f"{program} does not run", mend)


def locked() -> dict[str, str]:
    """Return the locked packages and their versions, names as in package URLs."""
    lines = re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in lines}


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_installed_wheel_polls(release: Release, tmp_path: Path, version: str) -> None:
    """On each Python it is made for, the wheel with the packages of the lock beside it tells its revision and reads every task."""
    run(UV, "venv", "--quiet", "--python", interpreter(version), tmp_path / "venv")
    install = (UV, "pip", "install", "--quiet", "--python", tmp_path / "venv")
    run(*install, "--require-hashes", "--requirement", release.directory / "requirements.txt")
    run(*install, "--no-deps", release.wheel)
    program = tmp_path / "venv" / "bin" / "yunfu-exporter"
    assert run(program, "--version", cwd=tmp_path, env=surroundings()) == f"yunfu-exporter {__version__} ({REVISION})"
    with simulated(SimulatorOptions(tasks=5, speed=1)) as platform:
        config = write_config(tmp_path / "yunfu.yaml", platform.account())
        page = run(program, "once", "--config", config, cwd=tmp_path, env=surroundings())
    assert len(re.findall(r"^yunfu_task_up\{[^}]*\} 1$", page, re.MULTILINE)) == 5
    about = re.search(r"^yunfu_exporter_build_info\{(.*)\} 1\.0$", page, re.MULTILINE)
    assert about is not None
    assert f'revision="{REVISION}"' in about[1]
    assert f'python_version="{version}.' in about[1]
    run(program, "assets", "--to", tmp_path / "yunfu", cwd=tmp_path, env=surroundings())
    written = {name: (tmp_path / "yunfu" / name).read_bytes() for name in shipped_names()}
    assert written == {name: (ROOT / name).read_bytes() for name in shipped_names()}
    promtool = need("promtool", "apt-get install prometheus")
    assert run(promtool, "check", "config", tmp_path / "yunfu" / "prometheus" / "prometheus.yml")


def test_the_wheel_has_all_files_of_the_package(release: Release) -> None:
    """Templates, styles and py.typed are in it, so is the licence, and as its assets what is shipped; nothing else is."""
    tracked = {*run("git", "ls-files", "exporter").split()}
    assert any(name.endswith(".html") for name in tracked)
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt")}
    licence = {f"{NAME}.dist-info/licenses/LICENSE"}
    assets = {f"exporter/assets/{name}" for name in shipped_names()}
    with zipfile.ZipFile(release.wheel) as wheel:
        assert {*wheel.namelist()} == tracked | {"exporter/REVISION"} | about | licence | assets


def test_the_sources_are_whole(release: Release) -> None:
    """The sdist has what the wheel is built from, its revision too: the wheel came from it."""
    tracked = {*run("git", "ls-files", "exporter").split()}
    around = {"LICENSE", "README.md", "pyproject.toml", "hatch_build.py", "PKG-INFO", ".gitignore", "exporter/REVISION"}
    with tarfile.open(release.sdist) as sdist:
        assert {name.partition("/")[2] for name in sdist.getnames()} == tracked | around | {*shipped_names()}


def test_built_again_it_is_the_same(release: Release, tmp_path: Path) -> None:
    """The same sources give the same bytes."""
    make("wheel", f"DIST={tmp_path}", f"SOURCE_REVISION={REVISION}")
    again = Release(tmp_path)
    assert again.wheel.read_bytes() == release.wheel.read_bytes()
    assert again.sdist.read_bytes() == release.sdist.read_bytes()


def test_the_components_are_those_of_the_lock(release: Release) -> None:
    """The list of components has this version and each locked package as it is locked, with its licence, and what needs what."""
    parts = {each["purl"].removeprefix("pkg:pypi/"): each for each in release.sbom["components"]}
    here = f"yunfu-exporter@{__version__}"
    assert here in parts
    assert {name for name in parts if name != here} <= {f"{name}@{version}" for name, version in locked().items()}
    assert len(parts) > 20
    assert [name for name, each in parts.items() if not each.get("licenses")] == []
    needs = {each["ref"]: each.get("dependsOn", []) for each in release.sbom["dependencies"]}
    ours = needs[parts[here]["bom-ref"]]
    assert {"aiohttp", "prometheus_client", "pydantic"} <= {each.partition("==")[0] for each in ours}
