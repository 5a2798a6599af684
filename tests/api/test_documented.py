"""The documented parts of a statistics response."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.api.documented import documented_parts, missing_parts, show_names, unknown_parts
from tests.support.tools import documented

RATE = {"answered": 1, "noAnswer": 2, "callCompletetRate": 33.33, "taskProgress": 50}
WHOLE: dict[str, Any] = {
    "answer_rate": RATE,
    "intention": [{"name": "A级", "total": 1, "percent": 100}],
    "number_status": [{"status": 0, "count": 1}],
    "rounds": {"1": 1},
    "tags": [{"name": "甲", "count": 1}],
    "llm_tags": [{"llm_intention_tag": {"name": "乙"}, "count": 1}],
}


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (documented(), ()),
        (WHOLE, ()),
        ({}, ()),
        (dict.fromkeys(WHOLE), ()),
        ({name: [] for name in WHOLE}, ()),
        ({name: {} for name in WHOLE}, ()),
        (dict.fromkeys(WHOLE, "x"), ()),
        ({**WHOLE, "answer_rate": dict.fromkeys(RATE)}, ()),
        ({"rounds": []}, ("answer_rate", "intention", "number_status", "tags", "llm_tags")),
        ({name: part for name, part in WHOLE.items() if name != "number_status"}, ("number_status",)),
        (
            {**WHOLE, "answer_rate": {"answered": 1}},
            tuple(sorted(f"answer_rate.{name}" for name in {*RATE} - {"answered"})),
        ),
        (
            {**WHOLE, "intention": [{"name": "A级", "total": 1}, {"name": "B级"}]},
            ("intention.percent", "intention.total"),
        ),
        ({**WHOLE, "number_status": {"0": {"status": 0}, "2": {"status": 2, "count": 1}}}, ("number_status.count",)),
        ({**WHOLE, "number_status": [None, 7, {"code": 0, "count": 1}]}, ("number_status.status",)),
        ({**WHOLE, "llm_tags": [{"name": "甲"}]}, ("llm_tags.count",)),
    ],
)
def test_what_is_not_there_at_all_is_missing(data: dict[str, Any], missing: tuple[str, ...]) -> None:
    """Empty and null are not missing; a field is if one entry lacks it; each is named once."""
    assert missing_parts(data) == missing


def test_what_is_not_documented_is_unknown() -> None:
    """A field that is not documented is unknown, unless it is null."""
    assert unknown_parts({**WHOLE, "new": 1, "other": {}, "nothing": None}) == ["new", "other"]


def test_names_of_the_platform_are_shown_short_and_without_phone_numbers() -> None:
    """Five names are shown; what cannot be printed, a long number and the end of a long name are not."""
    names = ["接通率", "a\n\x00b<c>", "call12345", "average_call_duration_seconds", "answer-rate.v2", "more"]
    shown = "接通率", "a…b…c>", "call…", "average_call_duration_s"[:23] + "…", "answer-rate.v2", "…"
    assert show_names(names) == shown
    assert show_names(names[:1]) == shown[:1]


@pytest.mark.parametrize(
    "name",
    ["138-1234-5678", "138 1234 5678", "13812345678", "call13800138000", "0755-8601-2345", "sk_live_abcdefghij",
     "deadbeefdeadbeef", "x" * 99, "zhang@planted.example", "10.0.0.1:9501", "密码Hunter2", "eyJhbGciOiJ"],
)  # fmt: skip
def test_a_name_that_may_be_private_is_not_shown(name: str) -> None:
    """Of a key that looks like a phone number, a secret or an address nothing is shown, as in the platform's messages."""
    assert show_names([name]) == ("…",)


def test_the_documented_parts_are_those_that_can_be_missing() -> None:
    """Each field of an empty entry of each block is missing by the name that it has among the documented parts."""
    empty: dict[str, Any] = {"answer_rate": {"x": 1}} | {
        name: [{}] for name in ("intention", "number_status", "tags", "llm_tags")
    }
    assert {*missing_parts(empty | {"rounds": {}}), "rounds"} == {*documented_parts()}
    assert "rounds" in missing_parts(empty)


def test_as_many_names_are_shown_as_are_asked_for() -> None:
    """The number of names can be raised where there is room."""
    names = [f"field_{letter}" for letter in "abcdefgh"]
    assert show_names(names, len(names)) == tuple(names)
