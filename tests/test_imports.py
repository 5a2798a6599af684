"""Imports between the modules go one way."""

import ast
from pathlib import Path

import pytest

import exporter

PACKAGE = Path(exporter.__file__).parent

ALLOWED: dict[str, set[str]] = {
    "model": set(),
    "errors": set(),
    "logs": set(),
    "notify": {"logs"},
    "schedule": {"model"},
    "windows": set(),
    "tags": set(),
    "gate": set(),
    "values": set(),
    "settings": {"values"},
    "strict_yaml": {"values"},
    "faults": {"values"},
    "loading": {"faults", "settings", "values", "strict_yaml"},
    "counters": {"model"},
    "recent": set(),
    "shards": {"faults", "settings"},
    "tokens": {"model"},
    "store": {"model", "counters", "recent"},
    "metrics": {"model", "store"},
    "instrumentation": {"model", "store"},
    "exposition": {"model", "store", "metrics"},
    "client": {"model", "errors", "gate", "logs", "tokens"},
    "discovery": {"model", "errors", "client"},
    "reading": {"model", "errors", "client", "store", "tags", "windows"},
    "poller": {"model", "errors", "client", "store", "reading", "instrumentation", "schedule", "windows", "logs"},
    "connections": set(),
    "serving": {"connections"},
    "stack": set(),
    "web_config": {"faults", "strict_yaml", "values"},
    "tls": {"connections", "faults", "web_config"},
    "passwords": set(),
    "changes": set(),
    "doors": {"changes", "connections", "faults", "gate", "passwords", "tls", "web_config"},
    "pages": {"discovery", "exposition", "metrics", "model", "recent", "store"},
    "web": {"store", "exposition", "pages"},
    "budget": {"discovery", "settings", "values"},
    "cautions": {"settings"},
    "plans": {"discovery", "model", "poller", "schedule", "settings", "tokens", "windows"},
}
"""What each room may know of the others. The rooms that wire (accounts, daemon, cli, demo) may know all but each other."""

WIRING = {
    "accounts": set(),
    "daemon": {"accounts"},
    "demo": {"daemon"},
    "cli": {"accounts", "daemon", "demo"},
}


def imported(path: Path) -> set[str]:
    """Return the modules of ours that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("exporter."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("exporter.")}
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_only_those_below_it(path: Path) -> None:
    """A module knows only the rooms that the design lets it know."""
    if path.stem in {"__init__", "__main__"}:
        return
    rooms = set(ALLOWED) | {"__main__", "simulator"}
    allowed = ALLOWED[path.stem] if path.stem in ALLOWED else rooms | WIRING[path.stem]
    assert imported(path) <= allowed


def test_the_pages_import_only_what_is_below_them() -> None:
    """The pages read what the other rooms lay down, and none of the rooms that poll or listen."""
    for path in (PACKAGE / "pages").glob("*.py"):
        assert imported(path) <= ALLOWED["pages"] | {"pages"}, path


def test_the_simulator_knows_nothing_of_the_exporter() -> None:
    """The simulator is an independent check: it shares no code with what it checks."""
    for path in (PACKAGE / "simulator").glob("*.py"):
        assert imported(path) <= {"simulator"}, path
