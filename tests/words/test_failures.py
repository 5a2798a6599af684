"""Explanations of failed API calls."""

import pytest

from exporter.api.errors import REASONS
from exporter.words.failures import FAILURES


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_explained(reason: str) -> None:
    """The pages say what happened and what to do, in both languages."""
    assert all(FAILURES[f"reason.{reason}"])


def test_other_statuses_are_explained_by_class() -> None:
    """A 4xx without a text has the one that names its code, and whatever else fails has one that leads to the log."""
    assert "{code}" in FAILURES["reason.http_4xx"].en
    assert "log" in FAILURES["reason.other"].en
