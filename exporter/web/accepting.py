"""Accepting connections: a few at a time, and two lines in the log when descriptors run out, however often that is tried.

asyncio's own servers accept as many connections in one go as may queue, and log a traceback for each that fails.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from exporter.logs import get_logger
from exporter.web.networks import ByNetwork

log = get_logger(__name__)

_AT_ONCE: Final = 16
"""Connections that are accepted in one turn of the event loop, at most."""

_RETRY_SECONDS: Final = 0.05
"""Until the next try to accept after descriptors have run out."""

_OVER_SECONDS: Final = 10.0
"""Without a failure, after which there are enough descriptors again."""

_OUT_OF: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Port(Protocol):
    """What takes in the connections."""

    silent: ByNetwork[Silent]
    refused: Callable[[str], None]

    def speaks(self, silent: Silent, client: socket.socket, seconds: float) -> None:
        """Take a connection whose first byte has come; its header is to end within some seconds."""

    def take_in(self, client: socket.socket, host: str) -> bool:
        """Take in a connection, or close it; return whether the next one may take its place at once."""

    def make_room(self) -> object:
        """Close a connection that waits, if there is one."""


class Silent:
    """A connection without a byte yet: a descriptor and a timer, so that a flood of them costs little."""

    def __init__(self, port: Port, client: socket.socket, network: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._client = client
        self.network = network
        self._deadline: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> None:
        """Wait some seconds for the first byte."""
        self._deadline = self._loop.call_later(seconds, self.drop, "slow_request")
        self._loop.add_reader(self._client, self._look)
        self._look()

    def drop(self, reason: str = "") -> None:
        """Close the connection; count it as refused for ``reason``, if there is one."""
        if reason:
            self._port.refused(reason)
        self._release()
        self._client.close()

    def _look(self) -> None:
        """Look whether something has come, or the client has gone."""
        try:
            has_come = self._client.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            has_come = b""
        if not has_come:
            self.drop()
            return
        seconds = self._release()
        self._port.speaks(self, self._client, seconds)

    def _release(self) -> float:
        """Watch the connection no longer; return the seconds that were left."""
        assert self._deadline is not None, "it has started"  # noqa: S101  # for mypy
        self._port.silent.remove(self)
        self._loop.remove_reader(self._client)
        self._deadline.cancel()
        return max(0.0, self._deadline.when() - self._loop.time())


class Shortage:
    """A shortage of descriptors, the same for all ports: one line when it begins, and one when it is over."""

    def __init__(self) -> None:
        self._end: asyncio.TimerHandle | None = None

    def note(self, error: OSError) -> None:
        """Note that a connection could not be accepted."""
        if self._end is None:
            log.warning("out of file descriptors; clients wait for a free one", error=error.strerror)
        else:
            self._end.cancel()
        self._end = asyncio.get_running_loop().call_later(_OVER_SECONDS, self._is_over)

    def _is_over(self) -> None:
        self._end = None
        log.info("there are enough file descriptors again")


@contextmanager
def accepting(listener: socket.socket, port: Port, shortage: Shortage) -> Iterator[None]:
    """Accept the connections to a listening socket for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    retry: asyncio.TimerHandle | None = None

    def accept() -> None:
        nonlocal retry
        for _ in range(_AT_ONCE):
            try:
                client, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF:  # the client has gone already
                    continue
                shortage.note(error)
                port.make_room()
                loop.remove_reader(listener)
                retry = loop.call_later(_RETRY_SECONDS, loop.add_reader, listener, accept)
                return
            client.settimeout(0)
            if not port.take_in(client, str(address[0]) if address else ""):
                return

    loop.add_reader(listener, accept)
    try:
        yield
    finally:
        loop.remove_reader(listener)
        if retry is not None:
            retry.cancel()
