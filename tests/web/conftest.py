"""A port with access control for the tests of the web package."""

from pathlib import Path

import pytest

from tests.support.access import SecuredPort


@pytest.fixture
def port(tmp_path: Path) -> SecuredPort:
    """Return a port with certificates and an authority, not open yet."""
    return SecuredPort(tmp_path)
