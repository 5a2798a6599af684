"""Messages to systemd: that the exporter serves, so that ``systemctl start`` fails where it does not, and how a reload went."""

from __future__ import annotations

import os
import socket
from typing import Final

from exporter.logs import get_logger

log = get_logger(__name__)

_SECONDS: Final = 0.2  # for systemd to have room for a message, which it nearly always has
_MOST_CHARACTERS: Final = 1_000  # of up to 4 bytes each: systemd takes no message of more than 4096


def report_ready() -> None:
    """Report that the exporter serves."""
    _send("READY=1")


def set_status(text: str) -> None:
    """Set the line that ``systemctl status`` shows of the unit."""
    _send(f"STATUS={' '.join(text.split())[:_MOST_CHARACTERS]}")


def _send(message: str) -> None:
    """Send a message where a unit with ``Type=notify`` waits for it; elsewhere do nothing (format: sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(_SECONDS)
            manager.sendto(message.encode(errors="replace"), f"\0{address[1:]}" if address.startswith("@") else address)
    except OSError as error:
        log.warning("cannot send systemd a message", socket=address, error=error)
