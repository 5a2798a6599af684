"""Clients' networks, among which places are shared: whoever has one network has all of its addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Generic, Protocol, TypeVar

_PREFIX_OF_IPV6: Final = 64
"""What one customer, machine or tenant has at least; IPv4 goes by the address, since neighbours there are often strangers."""

_MOST_NOTED: Final = 4096


@lru_cache(maxsize=4096)
def network_of(host: str) -> str:
    """Return the network of a client's address: an IPv6 /64, or the IPv4 address, also where it is mapped into IPv6."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:  # an IPv4 client of a port that listens on both
        return str(address.ipv4_mapped)
    return str(ip_network((address, _PREFIX_OF_IPV6), strict=False))


class OfClient(Protocol):
    """What a client takes a place with."""

    @property
    def network(self) -> str:
        """The client's network."""


T = TypeVar("T", bound=OfClient)


class ByNetwork(Generic[T]):
    """What clients take places with, by their networks; of each network the longest there first."""

    def __init__(self) -> None:
        self._networks: dict[str, dict[T, None]] = {}

    def add(self, one: T) -> None:
        """Add one, as the last of its network."""
        self._networks.setdefault(one.network, {})[one] = None

    def remove(self, one: T) -> None:
        """Remove one; it is no error if it is not there."""
        of_network = self._networks.get(one.network, {})
        of_network.pop(one, None)
        if not of_network:
            self._networks.pop(one.network, None)

    def __len__(self) -> int:
        return sum(map(len, self._networks.values()))

    def count(self, network: str) -> int:
        """Return how many a network has."""
        return len(self._networks.get(network, ()))

    def networks(self) -> list[str]:
        """Return the networks, the one that was longest without a turn first."""
        return list(self._networks)

    def take(self, network: str) -> T:
        """Remove and return the one that has been here longest of a network, which has had its turn with that."""
        of_network = self._networks.pop(network)
        one = next(iter(of_network))
        del of_network[one]
        if of_network:
            self._networks[network] = of_network
        return one

    def longest_of_most(self) -> T | None:
        """Return the one that has been here longest of the network that has most; None if there is none."""
        most = max(self._networks.values(), key=len, default=None)
        return None if most is None else next(iter(most))

    def __contains__(self, one: T) -> bool:
        return one in self._networks.get(one.network, ())

    def __iter__(self) -> Iterator[T]:
        return (one for of_network in self._networks.values() for one in of_network)


class Lately:
    """The networks that were noted within the last ``seconds`` of a steady clock, at most some thousands."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._noted: dict[str, float] = {}  # the longest ago first

    def note(self, network: str) -> None:
        """Note a network now."""
        self._noted.pop(network, None)
        self._noted[network] = self._clock()
        if len(self._noted) > _MOST_NOTED:
            del self._noted[next(iter(self._noted))]

    def __contains__(self, network: str) -> bool:
        at = self._noted.get(network)
        return at is not None and self._clock() - at < self._seconds
