"""The health check of the container's image: ``python3 -m exporter.health``.

It asks the exporter where it really listens, whatever the configuration says, so ``listen`` and ``health_listen`` need no
second place. Linux only. It imports nothing heavy, since it runs every half minute.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

SECONDS: Final = 5.0
"""How long to wait for an answer."""

_LISTENING: Final = "0A"
_REQUEST: Final = b"GET /healthz HTTP/1.0\r\n\r\n"


def main(proc: Path = Path("/proc")) -> int:
    """Return 0 if a process answers on one of its ports, and 1 if none does or all listen nowhere.

    ``proc`` is the process file system: in a container, all processes of this user are the exporter's. Any answer will do: with TLS or passwords it is a refusal, which is counted.
    """
    return 0 if any(_answers(*address) for address in listening(proc)) else 1


def listening(proc: Path) -> set[tuple[str, int]]:
    """Return the addresses at which processes of this user listen; wildcard ones as those of loopback.

    proc(5) has the format of ``net/tcp``, its numbers in the machine's byte order.
    """
    sockets = set(_sockets(proc))
    tables = [
        path.read_text("ascii").splitlines()[1:] for path in (proc / "net/tcp", proc / "net/tcp6") if path.exists()
    ]
    rows = [line.split() for table in tables for line in table]
    return {_parse_address(row[1]) for row in rows if row[3] == _LISTENING and f"socket:[{row[9]}]" in sockets}


def _sockets(proc: Path) -> Iterator[str]:
    """Yield the links of the open descriptors of each process but this one, as far as this user may read them."""
    for process in proc.iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            yield from _links(process / "fd")


def _links(folder: Path) -> Iterable[str]:
    try:
        return [str(path.readlink()) for path in folder.iterdir()]
    except OSError:  # another user's, or it has just ended
        return []


def _parse_address(text: str) -> tuple[str, int]:
    """Parse an address such as ``0100007F:2743``, or of IPv6 with four numbers in a row."""
    numbers, _, port = text.partition(":")
    packed = b"".join(struct.pack("=I", int(numbers[start : start + 8], 16)) for start in range(0, len(numbers), 8))
    family = socket.AF_INET if len(packed) == len(b"IPv4") else socket.AF_INET6
    loopback = "127.0.0.1" if family == socket.AF_INET else "::1"
    return socket.inet_ntop(family, packed) if any(packed) else loopback, int(port, 16)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), SECONDS) as connection:
            connection.sendall(_REQUEST)
            connection.recv(1)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
