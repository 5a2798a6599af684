"""What a configuration may say, but whoever wrote it should know."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from exporter.config.settings import AccountSettings

_PRIVATE_ENDINGS: Final = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")


def cautions(account: AccountSettings) -> list[str]:
    """Say in a line each what is risky about an account's settings."""
    url = urlsplit(account.base_url)
    if url.scheme != "http" or _is_near(url.hostname or ""):
        return []
    return [
        f"account {account.name}: base_url is plain http, so everybody on the way can read the token; expected https"
    ]


def _is_near(host: str) -> bool:
    """Tell whether a host is this machine or in a private network, as far as its name or address says."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_loopback or address.is_private
