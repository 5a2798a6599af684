"""Texts that all pages share."""

import re

from exporter.words.frame import UNITS


def test_units_are_in_both_languages() -> None:
    """Each unit of time has its words."""
    assert all(text.en and re.search("[\u4e00-\u9fff]", text.zh) for text in UNITS.values())
