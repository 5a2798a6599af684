"""Texts of the demo."""

import re
from string import Formatter

import pytest

from exporter.words.demo import DEMO


@pytest.mark.parametrize("key", DEMO)
def test_both_languages_say_the_same(key: str) -> None:
    """Each text fills in the same values in both languages, and an address ends where a terminal takes it to end."""
    english, chinese = ({field for _, field, _, _ in Formatter().parse(text) if field} for text in DEMO[key])
    assert english == chinese
    assert not re.search(r"\{(url|page)\}(/\w+)?[\u3000-\u9fff\uff00-\uffef]", DEMO[key].zh)
