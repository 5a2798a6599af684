"""Checks of passwords against bcrypt hashes, without letting those who guess slow the exporter down.

bcrypt is slow on purpose: a check takes some 60 ms of a core at cost 10. So checks run one at a time in a thread
that gives way to all others, a limited number wait for it, and answers are remembered, right ones apart from wrong ones, so that no guesser
pushes out those who know the password. Only a keyed digest of what was asked is kept.
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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import bcrypt

_MOST_WAITING: Final = 16
_MOST_REMEMBERED: Final = 256  # of each, right and wrong
_MOST_BYTES: Final = 72  # what bcrypt looks at
_NOBODY: Final = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"  # as in exporter-toolkit; opens nothing
_DEFAULT_COST: Final = "10"

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


class Passwords:
    """Passwords, and the latest that were found right or wrong; ``close`` ends its thread."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._answers: dict[bool, dict[bytes, None]] = {True: {}, False: {}}  # oldest first
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self._thread = ThreadPoolExecutor(1, "bcrypt", _lower_priority)

    async def is_right(self, credentials: Credentials, hashes: Mapping[bytes, str]) -> bool:
        """Return whether a user has this password; an unknown one takes as long to refuse as a known one.

        Raises BusyError.
        """
        user, password = credentials[0], credentials[1][:_MOST_BYTES]
        known = hashes.get(user)
        against = known or _hash_of_nobody(hashes)
        asked = self._digest(user, against.encode(), password)
        for answer, remembered in self._answers.items():
            if asked in remembered:
                remembered[asked] = remembered.pop(asked)
                return answer
        if asked not in self._checks:
            if len(self._checks) >= _MOST_WAITING:
                raise BusyError
            self._start(asked, password, against, is_known=known is not None)
        return await asyncio.shield(self._checks[asked])  # a client that goes away does not end its check

    def close(self) -> None:
        """Begin no further check."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _start(self, asked: bytes, password: bytes, against: str, *, is_known: bool) -> None:
        def check() -> bool:
            return bcrypt.checkpw(password, against.encode()) and is_known

        def done(check: asyncio.Future[bool]) -> None:
            del self._checks[asked]
            if not check.cancelled() and not check.exception():
                self._remember(asked, answer=check.result())

        self._checks[asked] = asyncio.get_running_loop().run_in_executor(self._thread, check)
        self._checks[asked].add_done_callback(done)

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


def _hash_of_nobody(hashes: Mapping[bytes, str]) -> str:
    """Return a hash that nothing matches, of the highest cost there is, so that the time a check takes does not show which names exist."""
    costs = [each.split("$")[2] for each in hashes.values()]
    return f"$2y${max(costs, default=_DEFAULT_COST)}${_NOBODY}"
