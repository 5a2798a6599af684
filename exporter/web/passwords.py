"""Checks of passwords against bcrypt hashes, without letting those who guess slow the exporter down, or keep others out.

bcrypt is slow on purpose: a check takes some 60 ms of a core at cost 10. So checks run one at a time in a thread
that gives way to all others. Those that wait have their turns by the clients' networks, first of those that have not failed lately.
Answers are remembered, right ones apart from wrong ones, so that no guesser pushes out those who know the password. Only a
keyed digest of what was asked is kept.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import bcrypt

from exporter.web.networks import ByNetwork, Lately, network_of

_MOST_WAITING: Final = 64  # of one network: some seconds
_MOST_REMEMBERED: Final = 256  # of each, right and wrong
_MOST_BYTES: Final = 72  # what bcrypt looks at
_NOBODY: Final = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"  # as in exporter-toolkit; opens nothing
_DEFAULT_COST: Final = 10

_FAILED_SECONDS: Final = 60.0
"""For how long a network that had a wrong password comes after the others."""

Credentials = tuple[bytes, bytes]
"""A user's name and password."""


class BusyError(Exception):
    """Too many passwords wait to be checked, so this one is not."""


def read_basic(header: str) -> Credentials | None:
    """Read an Authorization header of basic auth (RFC 7617); None if it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


class _Check:
    """A check that waits or is under way, and how many wait for its answer."""

    def __init__(self, network: str, asked: bytes, work: Callable[[], bool]) -> None:
        self.network = network
        self.asked = asked
        self.work = work
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.askers = 0


class Passwords:
    """Passwords, and the latest that were found right or wrong; ``close`` ends its thread."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._answers: dict[bool, dict[bytes, None]] = {True: {}, False: {}}  # oldest first
        self._checks: dict[bytes, _Check] = {}
        self._waiting = ByNetwork[_Check]()
        self._failed = Lately(_FAILED_SECONDS, time.monotonic)
        self._is_checking = False
        self._thread = ThreadPoolExecutor(1, "bcrypt", _lower_priority)

    async def is_right(self, credentials: Credentials, hashes: Mapping[bytes, str], client: str) -> bool:
        """Return whether a user has this password; an unknown one takes as long to refuse as a known one.

        ``client`` is the address of who asks. Raises BusyError.
        """
        user, password = credentials[0], credentials[1][:_MOST_BYTES]
        known, most = hashes.get(user), max(map(_cost, hashes.values()), default=_DEFAULT_COST)
        against = known or _hash_of_nobody(most)
        asked = self._digest(user, against.encode(), password)
        for answer, remembered in self._answers.items():
            if asked in remembered:
                remembered[asked] = remembered.pop(asked)
                return answer
        check = self._checks.get(asked)
        if check is None:
            work = partial(_is_right, password, against, most, is_known=known is not None)
            check = self._wait(_Check(network_of(client), asked, work))
        check.askers += 1
        try:
            return await asyncio.shield(check.answer)  # who goes away may ask again: the check keeps its place
        finally:
            check.askers -= 1

    def close(self) -> None:
        """Begin no further check."""
        self._waiting = ByNetwork()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _wait(self, check: _Check) -> _Check:
        if self._waiting.count(check.network) >= _MOST_WAITING:
            left = next((each for each in self._waiting if each.network == check.network and not each.askers), None)
            if left is None:
                raise BusyError
            self._waiting.remove(left)
            del self._checks[left.asked]
        self._checks[check.asked] = check
        self._waiting.add(check)
        self._begin()
        return check

    def _begin(self) -> None:
        """Begin the check whose turn it is, if none is under way."""
        networks = self._waiting.networks()
        if self._is_checking or not networks:
            return
        network = next((each for each in networks if each not in self._failed), networks[0])
        check = self._waiting.take(network)
        self._is_checking = True
        future = asyncio.get_running_loop().run_in_executor(self._thread, check.work)
        future.add_done_callback(partial(self._end, check))

    def _end(self, check: _Check, work: asyncio.Future[bool]) -> None:
        self._is_checking = False
        del self._checks[check.asked]
        if work.cancelled():  # at the end
            check.answer.cancel()
        elif error := work.exception():
            check.answer.set_exception(error)
            check.answer.exception()  # it is nobody's fault if nobody waits for it any longer
        else:
            check.answer.set_result(work.result())
            self._remember(check.asked, answer=work.result())
            if not work.result():
                self._failed.note(check.network)
        self._begin()

    def _remember(self, asked: bytes, *, answer: bool) -> None:
        remembered = self._answers[answer]
        remembered[asked] = None
        if len(remembered) > _MOST_REMEMBERED:
            del remembered[next(iter(remembered))]

    def _digest(self, *parts: bytes) -> bytes:
        """Return a keyed digest of credentials, useless without the key, which exists in this process only."""
        whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.new(self._key, whole, hashlib.sha256).digest()


def _lower_priority() -> None:
    """Set the lowest priority (nice 19) for this thread; on other systems than Linux it would be for the whole process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it; checks that give way less are better than none
            os.nice(19)


def _is_right(password: bytes, against: str, most: int, *, is_known: bool) -> bool:
    """Check a password, with as much work as the highest cost there is takes, so that the time does not show which names exist.

    Each cost takes twice the work of the one below: that of a hash, once more, and that of each cost from there up to the highest.
    """
    is_right = bcrypt.checkpw(password, against.encode()) and is_known
    for cost in range(_cost(against), most):
        bcrypt.checkpw(password, _hash_of_nobody(cost).encode())
    return is_right


def _cost(against: str) -> int:
    return int(against.split("$")[2])


def _hash_of_nobody(cost: int) -> str:
    """Return a hash of a cost that nothing matches."""
    return f"$2y${cost:02}${_NOBODY}"
