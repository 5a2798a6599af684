"""What surrounds the code and rots unseen: locks, licence, changelog, the map of the code, hooks, the workflow, the Dockerfile."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from exporter import __version__
from tests.support.programs import surroundings
from tests.support.tools import ROOT, make, run

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")


def read(name: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def load(name: str) -> Any:
    """Return what a YAML file of the repository says."""
    return yaml.safe_load(read(name))


def test_the_locks_fit_what_is_asked_for(tmp_path: Path) -> None:
    """Locking again without upgrades changes nothing: every dependency is in the locks, and nothing else is."""
    for name in (*LOCKS, "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    installed = ".venv/.dev-installed"
    make("-C", str(tmp_path), "lock", "UPGRADE=", f"BIN={Path(sys.executable).parent}", "-o", installed)
    for name in LOCKS:
        assert (tmp_path / name).read_text() == read(name), f"{name} is not current; run: make lock UPGRADE="


def test_the_locks_name_no_host() -> None:
    """Each line is a package with its version, or a hash."""
    for name in LOCKS:
        strange = [line for line in read(name).splitlines() if not re.match(r"[\w.-]+==| +--hash=sha256:", line)]
        assert strange == []


def test_a_wheel_is_built_with_little(tmp_path: Path) -> None:
    """Where nothing is installed yet, make wheel installs only what builds it, in versions that the tools for tests leave alone."""
    for name in (*LOCKS, "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    planned = run("make", "-C", str(tmp_path), "--dry-run", "wheel")
    assert {*re.findall(r"requirements[\w-]*\.txt", planned.replace("cp requirements.txt", ""))} == {
        "requirements-build.txt"
    }
    assert len(read("requirements-build.txt")) < len(read("requirements-dev.txt")) / 50
    assert {*read("requirements-build.txt").splitlines()} <= {*read("requirements-dev.txt").splitlines()}


def test_an_editable_installation_has_no_copies() -> None:
    """It takes everything from the checkout; a copy of the assets would never be read, nor renewed."""
    make_hook = runpy.run_path(str(ROOT / "hatch_build.py"))["BuildHook"]
    build_data: dict[str, dict[str, str]] = {"force_include": {}}
    make_hook(str(ROOT), {}, None, None, "", "wheel").initialize("editable", build_data)
    assert build_data["force_include"] == {}
    make_hook(str(ROOT), {}, None, None, "", "wheel").initialize("standard", build_data)
    assert "exporter/assets/prometheus/runbook.md" in build_data["force_include"].values()


def test_the_licence_is_whole() -> None:
    """It is the text of the licence that the package declares, from its name to the end of its appendix."""
    licence = read("LICENSE")
    assert licence.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in licence
    assert licence.rstrip().endswith("limitations under the License.")
    assert 'license = "Apache-2.0"' in read("pyproject.toml")


def test_the_changelog_has_this_version() -> None:
    """Sections are Unreleased or a version with its date, newest first; this version is released or said to be next."""
    titles = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    versions = [title.partition(" - ")[0] for title in titles if title != "Unreleased"]
    assert [title for title in titles if not re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", title)] == []
    assert versions == sorted(versions, key=lambda version: [*map(int, version.split("."))], reverse=True)
    assert __version__ in versions or f"To be {__version__}" in read("CHANGELOG.md")


def test_the_map_of_the_code_is_of_this_code() -> None:
    """Each package and module is in CONTRIBUTING's map, but for the words, pages and demo; and nothing that is not there."""
    table = re.findall(r"^\| .+ \|$", read("CONTRIBUTING.md"), re.MULTILINE)
    named = {name.strip("/").rpartition("/")[2] for name in re.findall(r"`([\w/]+)`", "".join(table))}
    package = ROOT / "exporter"
    modules = {path.stem for path in package.rglob("*.py")} | {
        path.parent.name for path in package.rglob("__init__.py")
    }
    packages = {path.parent for path in package.glob("*/__init__.py")}
    mapped = {path.stem for path in (*package.glob("*.py"), *package.glob("*/*.py"))} | {path.name for path in packages}
    by_subject = {path.stem for name in ("words", "demo") for path in (package / name).glob("*.py")}
    assert named <= modules
    assert mapped - by_subject - {"__init__", "__main__"} <= named


def test_a_python_without_venv_leaves_nothing_half_made(tmp_path: Path) -> None:
    """Where ``python -m venv`` fails after it has made the folder, make says what to install, and the next make begins anew."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\n[ "$2" = venv ] || exit 0\nmkdir -p "$3/bin" && touch "$3/pyvenv.cfg" && exit 1\n')
    python.chmod(0o755)
    for _ in range(2):
        words = ("make", "-C", str(tmp_path), "demo", f"PYTHON={python}")
        done = subprocess.run(words, env=surroundings(), capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "apt-get install python3-venv\n" in done.stdout
        assert not (tmp_path / ".venv").exists()


def test_hooks_are_make_targets() -> None:
    """Nothing is fetched for a commit, and each hook runs what make knows."""
    repositories = load(".pre-commit-config.yaml")["repos"]
    assert [each["repo"] for each in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        program, target = hook["entry"].split()
        assert program == "make"
        assert run("make", "--dry-run", target)
        assert re.search(hook["files"], "exporter/web/app.py")


def test_the_workflow_runs_what_ci_runs() -> None:
    """The last step is .ci/run, with the Go that it cannot install itself; it may only read, and each action is pinned by digest."""
    workflow = load(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    steps = workflow["jobs"]["ci"]["steps"]
    assert steps[-1]["run"] == ".ci/run"
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    (go,) = (step["with"] for step in steps if step.get("uses", "").startswith("actions/setup-go@"))
    assert f"expected Go {go['go-version']} or newer" in read(".ci/run")


def test_a_fork_gets_no_privileges() -> None:
    """A pull request from a fork runs in a container without privileges, and without the tests that need them."""
    job = load(".github/workflows/ci.yml")["jobs"]["ci"]
    fork = "github.event.pull_request.head.repo.fork"
    assert job["container"]["options"] == f"--shm-size=6g ${{{{ !{fork} && '--privileged' || '' }}}}"
    assert job["steps"][-1]["env"]["ARGS"] == f"${{{{ {fork} && '-m \"not privileged\"' || '' }}}}"
    assert "--privileged" not in str(job["steps"])
    users = {path for path in (ROOT / "tests").rglob("test_*.py") if re.search('"(unshare|nsenter)"', path.read_text())}
    assert users
    assert {path for path in users if "pytestmark = pytest.mark.privileged" not in path.read_text()} == set()


def test_tools_fetched_by_ci_are_pinned() -> None:
    """Uv is that of the lock, and axe-core one version."""
    lock = re.search(r"^uv==(\S+)", read("requirements-dev.txt"), re.MULTILINE)
    assert lock
    assert f"pip install uv=={lock[1]}\n" in read(".github/workflows/ci.yml")
    assert re.search(r" axe-core@\d+\.\d+\.\d+\n", read(".ci/run"))


def test_the_image_takes_only_what_it_names() -> None:
    """What the Dockerfile copies exists and passes .dockerignore, which lets nothing else in; packages come before code."""
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
    assert copies[0] == "requirements.txt requirements-build.txt"
    copied = {name for line in copies for name in line.split()}
    rules = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)
