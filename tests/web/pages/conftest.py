"""The store that tests of the pages fill."""

import pytest

from tests.support.pages import Filled


@pytest.fixture
def filled() -> Filled:
    """Return a store with one account that is up, and no task."""
    return Filled()
