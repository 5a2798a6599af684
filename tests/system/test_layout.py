"""The layout: small packages, modules and classes; tests that mirror them, and share nothing but tests/support."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.support.tools import ROOT

PACKAGE, TESTS = ROOT / "exporter", ROOT / "tests"
CODE = sorted(
    path for folder in ("exporter", "grafana", "helm", "prometheus", "docs") for path in (ROOT / folder).rglob("*.py")
)
MODULES = sorted(TESTS.rglob("*.py"))
MOST_MODULES: Final = 12
"""In a package, beside its ``__init__``."""

MOST_LINES: Final = 330
"""In a module."""

MOST_LINES_OF_A_CLASS: Final = 190
WHOLE: Final = ("system", "integration")
"""Folders of tests that are of no module: of files of the repository, of the program, of it among other programs."""

WITHOUT_LOGIC: Final = {
    "web/exporter.py": "protocols, without logic",
}
"""Modules without a test file, with the reason."""


def test_a_package_has_at_most_a_dozen_modules() -> None:
    """What is more is cut into packages of one purpose each."""
    counts = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    assert {package: count for package, count in counts.items() if count > MOST_MODULES} == {}


def test_modules_are_short() -> None:
    """A module that grows beyond the bound has a second purpose."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_classes_are_short() -> None:
    """A class that grows beyond the bound has a second purpose."""
    lengths = {
        f"{path}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_CLASS} == {}


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
    assert untested == {*WITHOUT_LOGIC}
