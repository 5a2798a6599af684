"""Texts of ``check``, ``tasks`` and ``assets``: each is there in both languages."""

from __future__ import annotations

import re
import string

import pytest

from exporter.lists.choices import HidingSetting
from exporter.words.check import ASSETS, ASSETS_FOR, BUDGET, CHECK, IDLE_RULE, NO_TASKS, NOT_POLLED, TABLE, UNITS
from exporter.words.text import Text

HAN = re.compile("[\u4e00-\u9fff]")


def fields(text: str) -> set[str]:
    """Return the names that a text has filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    "text",
    [
        *(each for table in (CHECK, BUDGET, UNITS, TABLE, NOT_POLLED, ASSETS, ASSETS_FOR) for each in table.values()),
        NO_TASKS,
        IDLE_RULE,
    ],
)
def test_every_text_is_there_in_both_languages(text: Text) -> None:
    """Both fill in the same values, English has no Chinese, and Chinese is some, but for names."""
    assert fields(text.en) == fields(text.zh)
    assert not HAN.search(text.en)
    assert HAN.search(text.zh) or text.zh.strip() in ("ID", "rate_limit")


def test_each_reason_why_a_task_is_not_polled_has_words() -> None:
    """Each setting that hides one, and its state."""
    assert NOT_POLLED.keys() == {*HidingSetting, "state"}
