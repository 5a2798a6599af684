"""Fixtures of all tests: logging as it was, and a simulated platform."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from exporter.demo.simulator import SimulatorOptions
from tests.support.programs import Platform, simulated

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # how fast a busy machine is says nothing about the code


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command under test does to logging, so that the order of the tests does not matter."""
    root, ours = logging.getLogger(), logging.getLogger("exporter")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture(scope="module")
def served() -> Iterator[Platform]:
    """Serve a platform with five tasks, for the whole module."""
    with simulated(SimulatorOptions(tasks=5, speed=1)) as platform:
        yield platform


@pytest.fixture
def platform(served: Platform) -> Iterator[Platform]:
    """Give the platform, without the faults of the test before."""
    yield served
    served.simulator.faults.clear()
