"""The table of the pages' texts: each is said, in both languages."""

import re
import string
from pathlib import Path
from typing import Any

import pytest

import exporter.web.pages
from exporter.api.errors import REASONS
from exporter.lists.choices import HidingSetting
from exporter.metrics import families
from exporter.metrics.families import Family
from exporter.web.pages.question import Show, Sort
from exporter.words.pages import WORDS

PAGES = Path(exporter.web.pages.__file__).parent
HAN = re.compile("[\u4e00-\u9fff]")
SAME_IN_BOTH = {"none", "account.token"}
"""Texts that are no words."""

ALL_FAMILIES: tuple[Family[Any], ...] = (
    *families.status_families(()),
    *families.STATS_FAMILIES,
    *families.COUNTER_FAMILIES,
)

MADE_UP = {
    *(f"hidden.{each}" for each in HidingSetting),
    *(f"sort.{sort}" for sort in Sort),
    *(f"show.{show}" for show in Show),
    *(f"reason.{reason}" for reason in REASONS),
    *("reason.http_407", "reason.http_3xx"),
    *(f"reason.list_http_{status}" for status in (401, 403, 404)),
    "reason.list_unknown_format",
    *(f"reason.account_http_{status}" for status in (403, 404)),
    *(f"absent.{family.absence}" for family in ALL_FAMILIES),
    *(f"rest.{which}_{kind}" for which in ("low", "no_low") for kind in ("running", "active")),
    *(f"rest.{standing}" for standing in ("blocked", "failing", "overdue", "never_read", "late", "new")),
    *(f"short.{standing}" for standing in ("failing", "overdue", "empty", "low", "blocked")),
    *("task.low", "task.blocked"),
    *(f"clause.{reason}" for reason in REASONS if reason not in ("http_403", "http_5xx")),
    *("exporter.broken_all", "exporter.broken_web"),
}
"""Keys that the pages put together."""


def fields(text: str) -> set[str]:
    """Return the names that a text has filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_every_text_is_there_in_both_languages(key: str) -> None:
    """Each is said in English and in Chinese, and both fill in the same values."""
    text = WORDS[key]
    assert text.en.strip(), key
    assert text.zh.strip(), key
    assert fields(text.en) == fields(text.zh)
    assert not HAN.search(text.en)
    assert key in SAME_IN_BOTH or text.en != text.zh


def test_every_text_that_is_said_is_there_and_every_one_there_is_said() -> None:
    """The keys in templates and code, and those put together from parts, are the keys of the words."""
    paths = {*PAGES.glob("*.py"), *PAGES.glob("templates/*.html")}
    quoted = {
        key for path in paths for key in re.findall(r'"([a-z_]+(?:\.[a-z_0-9]+)?)"', path.read_text(encoding="utf-8"))
    }
    said = {key for key in quoted if "." in key and key.split(".")[0] in {key.split(".")[0] for key in WORDS}}
    assert {key for key in said if not key.endswith((".html", ".css", ".js", ".svg"))} <= set(WORDS)
    assert WORDS.keys() - quoted - MADE_UP == set()


def test_what_is_put_together_is_there() -> None:
    """Reasons, sortings, rules that hide and reasons of absence all have their words."""
    assert set(WORDS) >= MADE_UP
