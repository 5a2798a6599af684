"""The layout of the tests: they mirror the package, and share nothing but what is in tests/support."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.support.tools import ROOT

PACKAGE, TESTS = ROOT / "exporter", ROOT / "tests"
MODULES = sorted(TESTS.rglob("*.py"))
WHOLE: Final = ("system", "integration")
"""Folders of tests that are of no module: of files of the repository, of the program, of it among other programs."""

ONLY_THROUGH_OTHERS: Final = {
    "config/kinds.py": "types; the tests of the values and of the settings see them",
    "patterns.py": "constants; the tests of what uses them see them",
    "running.py": "the tests of the daemon and of reloading see it",
    "web/connections.py": "the tests of the server see it",
    "web/exporter.py": "types without logic",
    "web/tls.py": "the tests of access see it, with certificates and clients",
}
"""Modules without a test file, with the reason."""


def imported(path: Path) -> set[str]:
    """Return the modules of the tests that a module imports, and what it imports of them, by their dotted names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = "tests" if node.level else ""
            names |= {f"{package}.{node.module or ''}.{alias.name}".strip(".") for alias in node.names}
    return {name for name in names if name.split(".")[0] == "tests"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_what_tests_share_is_support(path: Path) -> None:
    """Nothing is imported from a test module or a conftest: what tests share is in tests/support."""
    assert all(name.startswith("tests.support.") for name in imported(path))


def modules() -> dict[str, str]:
    """Return the modules of the package with their test files, all by paths within the package or the tests."""
    paths = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    return {str(path): str(path.with_name(f"test_{path.stem.strip('_')}.py")) for path in paths}


def test_each_test_file_is_of_a_module() -> None:
    """tests/PACKAGE/test_MODULE.py tests exporter/PACKAGE/MODULE.py."""
    files = {path.relative_to(TESTS) for path in MODULES if path.name.startswith("test_")}
    of_modules = {str(path) for path in files if path.parts[0] not in WHOLE}
    assert of_modules - {*modules().values()} == set()


def test_each_module_has_a_test_file() -> None:
    """A module without tests of its own is one that is named above, with the reason."""
    untested = {module for module, file in modules().items() if not (TESTS / file).exists()}
    assert untested == {*ONLY_THROUGH_OTHERS}
