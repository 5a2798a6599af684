"""The clock that ages are judged by: Unix time that goes on steadily while the wall clock is stepped."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TOLERANCE_SECONDS: Final = 2.0
"""A wall clock that differs by less has not been stepped: it has been read a moment later, or is being slewed."""


def steady_seconds() -> float:
    """Return seconds that nobody sets: with those of a suspension where the system counts them, as data age meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class SteadyClock:
    """Unix time, read from the wall clock once and counted in steady seconds from then on.

    Whoever shifts it has to shift the times that were taken from it as well.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady_seconds) -> None:
        self._wall = wall
        self._steady = steady
        self._anchor = wall() - steady()

    def __call__(self) -> float:
        """Return the time."""
        return self._anchor + self._steady()

    def step(self) -> float:
        """Return by how many seconds the wall clock was stepped, back if they are negative; 0: it was not."""
        seconds = self._wall() - self()
        return seconds if abs(seconds) > TOLERANCE_SECONDS else 0.0

    def shift(self, seconds: float) -> None:
        """Go on from a time that is later by some seconds."""
        self._anchor += seconds
