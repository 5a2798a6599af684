"""The dashboards' JSON is what the code makes."""

from typing import Any

import pytest

from exporter.words.text import Text
from grafana.board import Board
from grafana.build import DASHBOARDS, FOLDER, files
from grafana.panels import Panels, Query
from grafana.words import Language
from tests.support.dashboards import Dashboard


def test_the_committed_files_are_what_the_code_makes() -> None:
    """A change of the code without ``make dashboards`` is found, and so is a file that no code makes."""
    made = dict(files())
    assert set(FOLDER.rglob("*.json")) == set(made)
    differing = [str(path) for path, content in made.items() if path.read_text(encoding="utf-8") != content]
    assert not differing, "run: make dashboards"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_both_languages_ask_the_same(name: str) -> None:
    """A dashboard has the same panels and queries in both languages, only its texts differ."""
    english, chinese = (DASHBOARDS[name](language).model() for language in Language)
    assert [_asked(panel) for panel in _all(english)] == [_asked(panel) for panel in _all(chinese)]


def test_panels_fill_a_line_before_the_next() -> None:
    """Panels are laid from left to right, below one another where the width is used up, and never overlap."""
    language = Language.ENGLISH
    board = Board(language, "x", Text("x", "x"), Text("x", "x"))
    for width, height in ((12, 4), (12, 6), (24, 3)):
        panel = Panels(language).stat(Text("x", "x"), Text("x", "x"), "none", Query("up"))
        board.add(panel, width, height)
    positions = [panel["gridPos"] for panel in board.model()["panels"]]
    assert [(at["x"], at["y"]) for at in positions] == [(0, 0), (12, 0), (0, 6)]


def test_a_closed_row_holds_its_panels() -> None:
    """They ask nothing until it is opened; the next section is right below, since Grafana moves it down then."""
    language = Language.ENGLISH
    board = Board(language, "x", Text("x", "x"), Text("x", "x"))
    for closed in (True, False):
        board.row(Text("x", "x"), closed=closed)
        board.add(Panels(language).stat(Text("x", "x"), Text("x", "x"), "none", Query("up")), 12, 4)
    first, second, below = board.model()["panels"]
    assert [(panel["type"], panel["gridPos"]["y"]) for panel in first["panels"]] == [("stat", 1)]
    assert first["collapsed"]
    assert (second["gridPos"]["y"], below["gridPos"]["y"]) == (1, 2)


def _all(model: dict[str, Any]) -> list[dict[str, Any]]:
    return Dashboard("", "", model).panels


def _asked(panel: dict[str, object]) -> tuple[object, ...]:
    targets = panel.get("targets") or []
    assert isinstance(targets, list)
    return (panel["id"], panel["type"], panel["gridPos"], [target["expr"] for target in targets])
