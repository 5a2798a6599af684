"""A port with access control, over real TLS on loopback, and its clients."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import trustme
import yaml
from aiohttp import web

from exporter.web.access import Access, open_access
from exporter.web.connections import Limits
from exporter.web.server import listening
from tests.support.programs import Reply, fetch, free_port

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
"""Of the password "right"."""

SERVER = {"cert_file": "server.crt", "key_file": "server.key"}
VERIFY = {**SERVER, "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.crt"}
_REFUSED = (ssl.SSLError, ConnectionError)


def basic(user: str, password: str) -> dict[str, str]:
    """Make the header of basic auth."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass
class SecuredPort:
    """A port with access control: its files, its authority, and what it turned away."""

    directory: Path
    port: int = field(default_factory=free_port)
    authority: trustme.CA = field(default_factory=trustme.CA)
    refused: Counter[str] = field(default_factory=Counter)
    access: Access = field(init=False)
    reported: list[Sequence[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority.cert_pem.write_to_path(self.directory / "ca.crt")
        self.renew()

    @property
    def path(self) -> Path:
        """The web configuration file."""
        return self.directory / "web.yml"

    def renew(self, *names: str) -> None:
        """Issue the server another certificate, for loopback and these names."""
        issued = self.authority.issue_cert("127.0.0.1", *names)
        issued.cert_chain_pems[0].write_to_path(self.directory / "server.crt")
        issued.private_key_pem.write_to_path(self.directory / "server.key")

    def write(self, **content: Any) -> None:
        """Write the web configuration file."""
        self.path.write_text(yaml.safe_dump(content))

    def client(self, *names: str, of: trustme.CA | None = None) -> ssl.SSLContext:
        """Make a client that trusts the authority and, given names, has a certificate for them."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if names:
            (of or self.authority).issue_cert(*names).configure_cert(context)
        return context

    async def get(
        self, tls: ssl.SSLContext | None = None, path: str = "/", headers: dict[str, str] | None = None
    ) -> Reply:
        """Make a request, by TLS if a client is given."""
        url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}{path}"
        return await asyncio.to_thread(fetch, url, "GET", headers, tls)

    async def is_refused(self, tls: ssl.SSLContext) -> bool:
        """Return whether a client does not get in."""
        try:
            await self.get(tls)
        except _REFUSED:
            return True
        return False

    @asynccontextmanager
    async def open(self, **content: Any) -> AsyncIterator[SecuredPort]:
        """Serve by a web configuration."""
        self.write(**content)
        note = lambda reason: self.refused.update([reason])  # noqa: E731  # a line
        async with open_access(self.path, note) as self.access:
            app = web.Application()
            app.router.add_get("/", self._answer)
            self.access.guard(app)
            limits = Limits(connections=8, head_seconds=2)
            addresses = [("127.0.0.1", self.port)]
            async with listening(
                app, addresses, tls=self.access.tls, limits=limits, refused=note, headers=self.access.headers
            ):
                yield self

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(text="in")
