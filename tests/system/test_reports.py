"""Captures of platforms, as reports bring them: each is replayed, and read as it should be."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from exporter.contact.verdict import judge
from exporter.demo.replay import Replay
from tests.support.contact import contact_at
from tests.support.tools import DATA

CAPTURES = DATA / "captures"


class Report(NamedTuple):
    """What check --live says of a captured account: its sentences, the gravest first; how many fields of statistics it finds."""

    sentences: list[str]
    fields: int


REPORTS = {
    # a platform without 2.0 tasks and without tags, from the simulator
    "older_edition": Report(["failure.list_lacking"], 10),
}


def test_each_capture_has_its_row() -> None:
    """No file lies there unread."""
    assert {path.stem for path in CAPTURES.glob("*.json")} == {*REPORTS}


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_is_read_as_it_should_be(name: str) -> None:
    """The replay of a capture gets the verdict of its row."""
    replay = Replay.from_file(CAPTURES / f"{name}.json")
    async with replay.serve() as url:
        account, *_ = json.loads(replay.accounts(url))
        contact = await contact_at(**account)
    assert [sentence.key for sentence in judge(contact)] == REPORTS[name].sentences
    assert contact.stat is not None
    assert contact.stat.fields is not None
    assert len(contact.stat.fields.found) == REPORTS[name].fields
