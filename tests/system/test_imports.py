"""Imports between the packages go one way."""

import ast
from pathlib import Path

import pytest

import exporter

PACKAGE = Path(exporter.__file__).parent

ALLOWED: dict[str, set[str]] = {
    "files": set(),
    "config": {"files"},
    "api": {"files"},
    "lists": {"config", "api"},
    "words": set(),
    "contact": {"api", "config", "lists", "words"},
    "metrics": {"api", "words"},
    "state": {"api", "metrics"},
    "polling": {"config", "files", "api", "lists", "metrics", "words"},
    "web": {"config", "files", "api", "metrics", "polling", "words"},
    "web.pages": {
        "config",
        "api",
        "metrics",
        "lists.choices",
        "polling.facts",
        "web.exporter",
        "web.negotiation",
        "words",
    },
    "commands": {"config", "files", "api", "contact", "lists", "metrics", "polling", "web.access", "words", "daemon"},
    "demo": {"config", "files", "api", "metrics", "polling", "web", "words", "daemon"},
    "demo.simulator": set(),
}
"""What each package may import of the others, beside itself and the modules of the top that know none of them."""

LEAVES = {"logs", "systemd", "patterns", "masking", "threads", "descriptors"}
"""Modules of the top that import no package, so that any package may import them."""


def imported(path: Path) -> set[str]:
    """Return the modules of ours that a module imports, without the leading ``exporter.``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("exporter."):
            names.add((node.module or "").removeprefix("exporter."))
        elif isinstance(node, ast.Import):
            names |= {
                alias.name.removeprefix("exporter.") for alias in node.names if alias.name.startswith("exporter.")
            }
    return names


def is_in(module: str, package: str) -> bool:
    """Return whether a module is a package or one of its modules."""
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_those_that_its_row_names(package: str) -> None:
    """A package imports itself, the leaves and the packages that its row names, and nothing else of ours."""
    folder = PACKAGE.joinpath(*package.split("."))
    nested = [PACKAGE.joinpath(*other.split(".")) for other in ALLOWED if other.startswith(f"{package}.")]
    for path in folder.rglob("*.py"):
        if any(path.is_relative_to(inner) for inner in nested):
            continue
        for module in imported(path):
            assert any(is_in(module, each) for each in {package, *ALLOWED[package], *LEAVES}), f"{path}: {module}"


def test_a_leaf_imports_nothing_but_leaves() -> None:
    """The modules that any package may import know no package."""
    for leaf in LEAVES:
        assert imported(PACKAGE / f"{leaf}.py") <= LEAVES
