"""Tells systemd that the exporter serves, so that ``systemctl start`` fails where it does not."""

from __future__ import annotations

import logging
import os
import socket

from exporter.logs import fields

log = logging.getLogger(__name__)


def tell_ready() -> None:
    """Send ``READY=1`` where a unit with ``Type=notify`` waits for it; elsewhere do nothing (format: sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(b"READY=1", f"\0{address[1:]}" if address.startswith("@") else address)
    except OSError as error:
        log.warning("cannot tell systemd that the exporter serves", extra=fields(socket=address, error=error))
