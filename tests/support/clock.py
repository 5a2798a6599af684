"""A clock that a test moves, and waiting for what has no event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE_SECONDS = 10.0
"""Real seconds after which what a test waits for is taken not to come."""


@dataclass
class Clock:
    """Unix time that stands still until a test sets ``now``."""

    now: float

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def until(condition: Callable[[], object], pause: float = 0.005) -> None:
    """Wait until a condition holds, looking every ``pause`` seconds; raise TimeoutError if it does not come to hold."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # for what has no event
            await asyncio.sleep(pause)
