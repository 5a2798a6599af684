"""Settings of single tasks, by id."""

from __future__ import annotations

from exporter.config.task_settings import TaskSettings

TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"


def test_a_task_needs_only_its_id() -> None:
    """What is not said of a task is left to the platform and to the defaults."""
    assert TaskSettings(id=TASK.upper()).model_dump() == {
        "id": TASK,
        "name": None,
        "sub_user_id": None,
        "min_answer_ratio": None,
        "labels": {},
    }
