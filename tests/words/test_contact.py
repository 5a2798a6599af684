"""The texts of check --live and capture: each is said, in both languages."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import exporter.commands
import exporter.contact
from exporter.words.contact import CAPTURE, CONTACT, LIVE_FAILURES, REPORT, STATUS, VERDICTS, WHY

HAN = re.compile("[\u4e00-\u9fff]")
SAME_IN_BOTH = {"report.fact.token", "report.found", "status.http"}
"""Texts that are no words."""


def fields(text: str) -> set[str]:
    """Return the names that a text has filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", CONTACT)
def test_every_text_is_there_in_both_languages(key: str) -> None:
    """Each is said in English and in Chinese, and both fill in the same values."""
    text = CONTACT[key]
    assert text.en.strip()
    assert text.zh.strip()
    assert fields(text.en) == fields(text.zh)
    assert not HAN.search(text.en)
    assert key in SAME_IN_BOTH or HAN.search(text.zh) or "X-RateLimit" in text.zh


def test_every_text_is_said() -> None:
    """The code names each key, whole or by its last part."""
    packages = [Path(package.__file__ or "").parent for package in (exporter.commands, exporter.contact)]
    code = "\n".join(path.read_text(encoding="utf-8") for folder in packages for path in folder.glob("*.py"))
    for part in (REPORT, STATUS, WHY, VERDICTS, LIVE_FAILURES, CAPTURE):
        for key in part:
            assert re.search(rf"[\"'.]{re.escape(key.rpartition('.')[2])}[\"']", code), key


@pytest.mark.parametrize("key", LIVE_FAILURES)
def test_each_failure_names_the_path_that_was_asked(key: str) -> None:
    """Every sentence about a failed call has the path of its URL."""
    assert "{path}" in LIVE_FAILURES[key].en
