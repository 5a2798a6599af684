"""Settings of single tasks."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from exporter.config.field_types import Ratio, Section, Text, Uuid
from exporter.config.values import parse_label_name


class TaskSettings(Section):
    """A task that is polled whether or not it is discovered."""

    id: Uuid = Field(description="the UUID of the task")
    name: Text | None = Field(None, description="name of the task, instead of the platform's")
    sub_user_id: Uuid | None = Field(None, description="UUID of the sub-account that owns the task")
    min_answer_ratio: Ratio | None = Field(None, description="the task's own threshold of the answer rate, from 0 to 1")
    labels: dict[Annotated[str, BeforeValidator(parse_label_name)], Text] = Field(
        {}, description="labels to add to yunfu_task_info"
    )
