"""Commands of the program, run in the test's own process, which is quicker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


class Command(Protocol):
    """Runs a command with the single account's variables, and others."""

    def __call__(self, *words: str, **more: str) -> Done:
        """Run it to its end."""
