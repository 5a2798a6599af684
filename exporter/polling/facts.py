"""The facts of an account that the pages show beside its status in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.api.errors import Failure
from exporter.lists.choices import Choice

CREDENTIALS_UNREADABLE: Final = "token file cannot be read; the previous token stays in use"
QUOTA_CONTENDED: Final = "the API quota is contended; tasks are polled less often"
"""What the log says, so that the pages can say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The facts of an account.

    ``calls_needed`` and ``calls_allowed`` are API calls per minute; ``discovery_failure`` is why the last discovery failed, and
    ``keeps_previous_list`` whether its tasks are in use as they were read before. ``hidden`` has the hidden tasks by their
    id, of very many only the first; ``hidden_total`` counts all. ``odd_lists`` says by the task list's endpoint what is odd
    about it; ``lacking_lists`` are those of them that the platform does not have. ``token_fault`` says why the token file cannot
    be read (empty: it can).
    """

    calls_needed: float
    calls_allowed: float
    held_seconds: float = 0.0
    discovery_failure: Failure | None = None
    keeps_previous_list: bool = False
    hidden: Mapping[str, Choice] = field(default_factory=dict)
    hidden_total: int = 0
    odd_lists: Mapping[str, str] = field(default_factory=dict)
    lacking_lists: frozenset[str] = frozenset()
    token_fault: str = ""
