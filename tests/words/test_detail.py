"""Texts of a task's page."""

from typing import Any

from exporter.metrics import families
from exporter.metrics.families import Family
from exporter.words.detail import ABSENCE


def test_every_family_says_why_it_can_be_absent() -> None:
    """The reason that a family's row names has its words."""
    rows: tuple[Family[Any], ...] = (
        *families.status_families(()),
        *families.STATS_FAMILIES,
        *families.COUNTER_FAMILIES,
        *families.WINDOW_FAMILIES,
    )
    assert {f"absent.{family.absence}" for family in rows} <= set(ABSENCE)
