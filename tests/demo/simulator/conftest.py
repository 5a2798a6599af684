"""A simulator for the tests of its modules."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.simulation import Platform, serving


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """Serve thirty tasks of an account without sub-accounts."""
    async with serving() as platform:
        yield platform
