"""Clients' networks."""

from __future__ import annotations

import pytest

from exporter.web.networks import Lately, network_of
from tests.support.clock import Clock


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),  # all of IPv4, where a port listens on both
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "", True),
        ("a socket's name", "another", False),
    ],
)
def test_an_ipv6_network_is_one_client(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """Addresses of one IPv6 /64 are of one network; of IPv4 each is one of its own."""
    assert (network_of(one) == network_of(other)) is same


def test_what_was_noted_is_forgotten() -> None:
    """A network is remembered for its seconds from the last note, and of too many the one noted longest ago is dropped."""
    clock = Clock(0.0)
    lately = Lately(60, clock)
    lately.note("a")
    clock.now = 50
    lately.note("b")
    lately.note("a")
    clock.now = 109.9
    assert ("a" in lately, "b" in lately, "c" in lately) == (True, True, False)
    clock.now = 110
    assert ("a" in lately, "b" in lately) == (False, False)
    for number in range(5000):
        lately.note(f"n{number}")
    assert ("n0" in lately, "n4999" in lately) == (False, True)
