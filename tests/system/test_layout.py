"""The layout of the tests: who imports whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.tools import ROOT

TESTS = ROOT / "tests"
MODULES = sorted(TESTS.rglob("*.py"))


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
