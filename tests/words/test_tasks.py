"""Texts of the list of tasks."""

from exporter.lists.choices import HidingSetting
from exporter.web.pages.question import Show, Sort
from exporter.words.tasks import TASKS


def test_every_choice_has_its_words() -> None:
    """Each sorting, each filter, and each rule by which a task is hidden."""
    assert all(f"sort.{sort}" in TASKS for sort in Sort)
    assert all(f"show.{show}" in TASKS for show in Show)
    assert all(f"hidden.{each}" in TASKS for each in HidingSetting)
