"""The clock that ages are judged by."""

import time

import pytest

from exporter.metrics.clock import TOLERANCE_SECONDS, SteadyClock, steady_seconds
from tests.support.clock import Clock

NOW = 1_751_000_000.0
HOUR = 3600.0


@pytest.mark.parametrize("step", [HOUR, -HOUR, 40 * 365 * 24 * HOUR])
def test_a_step_of_the_wall_clock_changes_nothing_before_the_shift(step: float) -> None:
    """Time goes on by the steady seconds, and the step is known; after the shift it is the wall clock's, without a step."""
    wall, steady = Clock(NOW), Clock(77.0)
    clock = SteadyClock(wall, steady)
    wall.now += 5 + step
    steady.now += 5
    assert clock() == NOW + 5
    assert clock.step() == step
    clock.shift(step)
    assert clock() == wall.now
    assert clock.step() == 0


def test_what_is_no_step_is_none() -> None:
    """Two readings a moment apart differ; steps too small to be seen add up until their sum is one."""
    wall = Clock(NOW)
    clock = SteadyClock(wall, Clock(0.0))
    wall.now += 0.75 * TOLERANCE_SECONDS
    assert clock.step() == 0
    wall.now += 0.75 * TOLERANCE_SECONDS
    assert clock.step() == 1.5 * TOLERANCE_SECONDS


def test_it_begins_with_the_system_s_time() -> None:
    """By itself it is Unix time, and no step is seen."""
    clock = SteadyClock()
    assert clock() == pytest.approx(time.time(), abs=1)
    assert clock.step() == 0


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the system has no such clock")
def test_a_suspended_machine_s_seconds_count() -> None:
    """The seconds are those since the machine booted, suspensions included."""
    assert steady_seconds() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)


def test_without_such_a_clock_it_is_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not count suspensions, the seconds are those of the monotonic clock."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert steady_seconds() == pytest.approx(time.monotonic(), abs=1)
