"""A simulator for the tests of its modules."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.simulation import Simulation, serving


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    """Serve thirty tasks of an account without sub-accounts."""
    async with serving() as simulation:
        yield simulation
