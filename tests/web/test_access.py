"""Who is let in, over real TLS on loopback: certificates, passwords, headers, and files that change."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme
import yaml
from aiohttp import web

from exporter.config.faults import SettingsError
from exporter.web import access as module
from exporter.web.access import HEADERS, Access, open_access
from exporter.web.connections import Limits
from exporter.web.server import listening
from tests.support.programs import (
    Platform,
    Program,
    Reply,
    answers,
    eventually,
    fetch,
    free_port,
    run_program,
    running,
    write_config,
)
from tests.support.samples import find

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
SERVER = {"cert_file": "server.crt", "key_file": "server.key"}
VERIFY = {**SERVER, "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "ca.crt"}
REFUSED = (ssl.SSLError, ConnectionError)


def basic(user: str, password: str) -> dict[str, str]:
    """Make the header of basic auth."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass
class House:
    """A port with access control: its files, its authority, and what it turned away."""

    directory: Path
    port: int = field(default_factory=free_port)
    authority: trustme.CA = field(default_factory=trustme.CA)
    refused: Counter[str] = field(default_factory=Counter)
    access: Access = field(init=False)
    told: list[Sequence[str]] = field(default_factory=list)

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
        """Tell whether a client does not get in."""
        try:
            await self.get(tls)
        except REFUSED:
            return True
        return False

    @asynccontextmanager
    async def open(self, **content: Any) -> AsyncIterator[House]:
        """Serve by a web configuration."""
        self.write(**content)
        note = lambda reason: self.refused.update([reason])  # noqa: E731  # a line
        async with open_access(self.path, note) as self.access:
            app = web.Application()
            app.router.add_get("/", self._answer)
            self.access.guard(app)
            limits = Limits(connections=8, head_seconds=2)
            addresses = [("127.0.0.1", self.port)]
            async with listening(app, addresses, tls=self.access.tls, limits=limits, refused=note):
                yield self

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(text="in")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give a house with certificates and an authority of its own."""
    return House(tmp_path)


async def test_without_a_file_all_may_come_in(house: House) -> None:
    """No web configuration is plain HTTP without passwords, and the headers are there."""
    async with open_access(None, print) as access:
        assert access.tls is None
        assert await access.refresh() == []
    async with house.open() as it:
        reply = await it.get()
        missing = await it.get(path="/nowhere")
    assert (reply.status, reply.text, missing.status) == (200, "in", 404)
    for each in (reply, missing):
        assert {name: each.headers[name.lower()] for name in HEADERS} == HEADERS


async def test_tls(house: House) -> None:
    """With a certificate the port speaks TLS 1.2 and 1.3 to those who trust it, and no plain HTTP."""
    async with house.open(tls_server_config=SERVER) as it:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = it.client()
            client.minimum_version = client.maximum_version = version
            assert (await it.get(client)).text == "in"
        assert await it.is_refused(ssl.create_default_context())
        with pytest.raises(ConnectionError):
            await it.get()
        assert it.refused["tls"] >= 1


async def test_versions_ciphers_and_curves(house: House) -> None:
    """A client with none of what is configured gets no connection, one with it does."""
    tls = {
        **SERVER,
        "max_version": "TLS12",
        "cipher_suites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        "curve_preferences": ["CurveP384"],
    }
    async with house.open(tls_server_config=tls) as it:
        assert (await it.get(it.client())).text == "in"
        newer, other, curve = it.client(), it.client(), it.client()
        newer.minimum_version = ssl.TLSVersion.TLSv1_3
        other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        curve.set_ecdh_curve("prime256v1")
        assert [await it.is_refused(client) for client in (newer, other, curve)] == [True] * 3


async def test_client_certificates(house: House) -> None:
    """RequireAndVerifyClientCert lets in certificates of the authority alone."""
    async with house.open(tls_server_config=VERIFY) as it:
        assert (await it.get(it.client("prometheus.example"))).text == "in"
        assert await it.is_refused(it.client())
        assert await it.is_refused(it.client("prometheus.example", of=trustme.CA()))


async def test_whatever_is_listed_is_an_authority(house: House) -> None:
    """As in Go, an authority below another may be listed alone, and then only its own certificates are let in."""
    below = house.authority.create_child_ca()
    below.cert_pem.write_to_path(house.directory / "below.crt")
    async with house.open(tls_server_config={**VERIFY, "client_ca_file": "below.crt"}) as it:
        assert (await it.get(it.client("a.example", of=below))).text == "in"
        assert await it.is_refused(it.client("a.example"))


@pytest.mark.parametrize("kind", ["NoClientCert", "RequestClientCert"])
async def test_no_client_certificate_is_looked_at(kind: str, house: House) -> None:
    """Without verification everybody is let in, whatever certificate he has."""
    async with house.open(tls_server_config={**SERVER, "client_auth_type": kind}) as it:
        assert (await it.get(it.client())).text == "in"
        assert (await it.get(it.client("a.example", of=trustme.CA()))).text == "in"


async def test_a_client_certificate_if_there_is_one(house: House) -> None:
    """VerifyClientCertIfGiven lets in those without a certificate, and no wrong one."""
    async with house.open(tls_server_config={**VERIFY, "client_auth_type": "VerifyClientCertIfGiven"}) as it:
        assert (await it.get(it.client())).text == "in"
        assert (await it.get(it.client("a.example"))).text == "in"
        assert await it.is_refused(it.client("a.example", of=trustme.CA()))


@pytest.mark.parametrize("name", ["prometheus.example", "10.1.2.3", "2001:db8::1", "ops@example.org"])
async def test_allowed_names(name: str, house: House) -> None:
    """With client_allowed_sans a certificate of the authority must have one of the names: DNS, IP or e-mail, exactly."""
    async with house.open(tls_server_config={**VERIFY, "client_allowed_sans": ["other.example", name]}) as it:
        assert (await it.get(it.client("more.example", name))).text == "in"
        assert await it.is_refused(it.client("more.example", "10.1.2.4"))
        assert it.refused == {"tls": 1}


async def test_passwords(house: House) -> None:
    """Basic auth lets in a user with his password; the others are told how to come in, on every path."""
    async with house.open(basic_auth_users={"alice": HASH, "客服": HASH}) as it:
        assert (await it.get(headers=basic("alice", "right"))).text == "in"
        assert (await it.get(headers=basic("客服", "right"))).text == "in"
        for headers in ({}, basic("alice", "wrong"), basic("bob", "right"), {"Authorization": "Basic x"}):
            for path in ("/", "/nowhere"):
                reply = await it.get(path=path, headers=headers)
                assert (reply.status, reply.text) == (401, "a user name and password are needed\n")
                assert reply.headers["www-authenticate"] == 'Basic realm="yunfu-exporter", charset="UTF-8"'
        assert it.refused == {"unauthorized": 8}


async def test_too_many_guesses(house: House) -> None:
    """When too many passwords wait to be checked, the next is told to come again, and who is known comes in."""
    slow = bcrypt.hashpw(b"right", bcrypt.gensalt(11)).decode()
    async with house.open(basic_auth_users={"alice": slow}) as it:
        assert (await it.get(headers=basic("alice", "right"))).text == "in"
        it.access._passwords._checks |= {b"%d" % n: asyncio.Future() for n in range(16)}
        reply = await it.get(headers=basic("alice", "guess"))
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert (await it.get(headers=basic("alice", "right"))).text == "in"
        assert it.refused == {"busy": 1}


async def test_headers(house: House) -> None:
    """Configured headers are sent, in place of ours where they are the same; empty ones leave ours."""
    headers = {"Content-Security-Policy": "default-src 'none'", "X-XSS-Protection": 1, "X-Content-Type-Options": ""}
    async with house.open(http_server_config={"headers": headers}) as it:
        reply = await it.get()
    assert reply.headers["content-security-policy"] == "default-src 'none'"
    assert reply.headers["x-xss-protection"] == "1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["server"] == "yunfu-exporter"


async def test_rate_limit(house: House) -> None:
    """As many requests at once as burst says, then 429, before any password is looked at."""
    async with house.open(rate_limit={"interval": "1h", "burst": 3}, basic_auth_users={"alice": HASH}) as it:
        replies = [(await it.get(headers=basic("alice", "right"))).status for _ in range(3)]
        replies.append((await it.get()).status)
        assert replies == [200, 200, 200, 429]
        assert it.refused == {"rate_limited": 1}


async def test_changes_are_taken_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users, headers, limits and certificates that change are in force without a restart; the old ones are not."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    async with house.open(tls_server_config=SERVER, basic_auth_users={"alice": HASH}) as it:
        watch = asyncio.create_task(it.access.watch(it.told.append))
        assert (await it.get(it.client(), headers=basic("alice", "right"))).status == 200
        it.write(
            tls_server_config=VERIFY,
            basic_auth_users={"bob": HASH},
            http_server_config={"headers": {"X-Frame-Options": "deny"}},
        )
        await heard(it, [])
        assert await it.is_refused(it.client())
        client = it.client("a.example")
        assert (await it.get(client, headers=basic("alice", "right"))).status == 401
        reply = await it.get(client, headers=basic("bob", "right"))
        assert (reply.status, reply.headers["x-frame-options"]) == (200, "deny")

        before = await asyncio.to_thread(certificate, it)
        it.renew("renewed.example")
        await heard(it, [])
        assert await asyncio.to_thread(certificate, it) != before
        watch.cancel()


async def test_a_broken_file_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is told once, by name; what was in force stays so until the file is good again."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    async with house.open(tls_server_config=SERVER, basic_auth_users={"alice": HASH}) as it:
        watch = asyncio.create_task(it.access.watch(it.told.append))
        good = it.path.read_text()
        for broken, fault in (
            (good.replace("basic_auth_users", "basic_auth_user"), "basic_auth_user: unknown key; did you mean 'basic_auth_users'?"),
            (good.replace("server.crt", "gone.crt"), (f"tls_server_config.cert_file: cannot read {it.directory}/gone.crt: "
             "no such file or directory; expected PEM")),
            ("basic_auth_users: {}", "tls_server_config: TLS can be neither added nor removed now; restart the exporter for it"),
        ):  # fmt: skip
            it.path.write_text(broken)
            await heard(it, [f"{it.path}: {fault}"])
            assert (await it.get(it.client(), headers=basic("alice", "right"))).status == 200
            assert (await it.get(it.client())).status == 401
            assert it.told == []
        (it.directory / "server.key").unlink()
        await heard(
            it, [f"{it.path}: tls_server_config: TLS can be neither added nor removed now; restart the exporter for it"]
        )
        it.renew()
        it.path.write_text(good.replace("alice", "bob"))
        while await heard(it, None) != []:  # the files change one after the other
            pass
        assert (await it.get(it.client(), headers=basic("bob", "right"))).status == 200
        watch.cancel()


async def test_a_fault_of_our_own_in_reading_ends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If reading breaks as nobody foresaw, that is told, what was in force stays, and the watch goes on."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)

    def broken(_: Path) -> None:
        raise RuntimeError("planted")

    async with house.open(basic_auth_users={"alice": HASH}) as it:
        watch = asyncio.create_task(it.access.watch(it.told.append))
        with monkeypatch.context() as for_now:
            for_now.setattr(module, "_load", broken)
            it.write(basic_auth_users={"bob": HASH})
            await heard(it, [f"{it.path}: reading it broke off with RuntimeError; the log tells where"])
        assert "planted" in caplog.text
        assert (await it.get(headers=basic("alice", "right"))).status == 200
        it.write(basic_auth_users={"carol": HASH})
        await heard(it, [])
        assert (await it.get(headers=basic("carol", "right"))).status == 200
        watch.cancel()


async def test_a_mounted_secret_that_is_swapped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes swaps a link to a directory: what it leads to then is taken up."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    versions = [house.directory / "1", house.directory / "2"]
    for version, user in zip(versions, ("alice", "bob"), strict=True):
        version.mkdir()
        (version / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {user: HASH}}))
    data = house.directory / "..data"
    data.symlink_to(versions[0])
    house.path.symlink_to(data / "web.yml")
    monkeypatch.setattr(House, "write", lambda *_, **__: None)
    async with house.open() as it:
        watch = asyncio.create_task(it.access.watch(it.told.append))
        assert (await it.get(headers=basic("alice", "right"))).status == 200
        fresh = house.directory / "..new"
        fresh.symlink_to(versions[1])
        os.replace(fresh, data)  # noqa: PTH105  # what kubelet does
        await heard(it, [])
        assert (await it.get(headers=basic("alice", "right"))).status == 401
        assert (await it.get(headers=basic("bob", "right"))).status == 200
        watch.cancel()


async def test_a_bad_file_at_the_start(house: House) -> None:
    """With a bad file nothing is served at all."""
    with pytest.raises(SettingsError, match="tls_server_confi: unknown key"):
        async with house.open(tls_server_confi={}):
            pass


async def test_handshakes_that_do_not_come_to_their_end(house: House) -> None:
    """Whoever connects and does not shake hands takes a place for a while, is cut off, and keeps nobody out."""
    async with house.open(tls_server_config=SERVER) as it:
        silent = [socket.create_connection(("127.0.0.1", it.port)) for _ in range(20)]
        assert (await it.get(it.client())).text == "in"
        async with asyncio.timeout(10):
            while it.refused["slow_request"] < 7 or it.refused["connections"] < 12:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.05)
        assert set(it.refused) == {"slow_request", "connections"}
        for each in silent:
            each.close()


async def heard(it: House, expected: Sequence[str] | None) -> Sequence[str]:
    """Wait for the next word of the watch, which is as expected."""
    async with asyncio.timeout(10):
        while not it.told:  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0.01)
    word = [*it.told.pop(0)]
    assert expected is None or word == expected
    return word


def certificate(it: House) -> bytes | None:
    """Return the certificate that the port shows."""
    with (
        socket.create_connection(("127.0.0.1", it.port)) as plain,
        it.client("a.example").wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        return tls.getpeercert(binary_form=True)


@dataclass
class Guarded:
    """The program, served by a web configuration."""

    house: House
    program: Program
    health: str
    config: Path

    def fetch(self, path: str, method: str = "GET", user: str = "alice") -> Reply:
        """Ask by TLS and password."""
        url = f"https://127.0.0.1:{self.house.port}{path}"
        return fetch(url, method, basic(user, "right"), self.house.client("a.example"))

    def is_good(self) -> float | None:
        """Return what the page says of the last load."""
        return find(self.fetch("/metrics").text, "yunfu_exporter_config_last_reload_successful")


@pytest.fixture
def guarded(house: House, platform: Platform, tmp_path: Path) -> Iterator[Guarded]:
    """Run the program with TLS, client certificates and a password."""
    health = f"127.0.0.1:{free_port()}"
    house.write(tls_server_config=VERIFY, basic_auth_users={"alice": HASH})
    config = write_config(
        tmp_path / "c",
        platform.account(),
        listen=f"127.0.0.1:{house.port}",
        health_listen=health,
        web_config_file=str(house.path),
    )
    with running(tmp_path, "--config", str(config)) as program:
        eventually(answers(f"http://{health}/readyz"))
        yield Guarded(house, program, f"http://{health}", config)


def test_the_program_with_access_control(guarded: Guarded) -> None:
    """The main port wants certificate and password; the health port answers plainly, and nothing but health."""
    assert guarded.fetch("/metrics").text.count("yunfu_task_up{") == 5
    assert guarded.fetch("/healthz", user="bob").status == 401
    assert [fetch(f"{guarded.health}{path}").status for path in ("/healthz", "/readyz", "/metrics", "/")] == [
        200,
        200,
        404,
        404,
    ]
    assert find(guarded.fetch("/metrics").text, "yunfu_exporter_http_refusals_total", reason="unauthorized") == 1
    page = guarded.fetch("/")
    assert page.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:", page.text)  # what it forbids
    assert guarded.program.stop() == 0


def test_the_program_takes_up_what_changes(guarded: Guarded) -> None:
    """Another password is in force without a reload; a broken file is told once, shows in the metrics, and is mended."""
    house, program = guarded.house, guarded.program
    assert guarded.is_good() == 1
    house.write(tls_server_config=VERIFY, basic_auth_users={"alice": HASH, "bob": HASH})
    eventually(lambda: guarded.fetch("/healthz", user="bob").status == 200)
    house.write(tls_server_config=VERIFY, basic_auth_users={"alice": "secret"})
    eventually(lambda: guarded.is_good() == 0)
    assert guarded.fetch("/healthz", user="bob").status == 200
    reply = guarded.fetch("/-/reload", "POST")
    fault = "basic_auth_users.alice: is not a bcrypt hash; expected like $2y$10$…, as 'htpasswd -nBC 10 USER' writes it"
    assert (reply.status, reply.text.splitlines()[1:]) == (500, [f"{house.path}: {fault}"])
    house.write(tls_server_config=VERIFY, basic_auth_users={"alice": HASH})
    eventually(lambda: guarded.fetch("/healthz", user="bob").status == 401)
    assert guarded.is_good() == 0  # the reload that was asked for is still not done
    assert guarded.fetch("/-/reload", "POST").status == 200
    assert guarded.is_good() == 1
    assert program.logs.count("web configuration is broken; the previous one stays in use") == 1
    assert program.logs.count("web configuration reloaded") == 2
    assert "secret" not in program.logs


def test_another_web_configuration_needs_a_restart(guarded: Guarded) -> None:
    """The name of the file cannot change by a reload."""
    settings = json.loads(guarded.config.read_text())
    guarded.config.write_text(json.dumps({**settings, "web_config_file": None}))
    reply = guarded.fetch("/-/reload", "POST")
    assert reply.text.splitlines()[1:] == [
        "web_config_file: cannot be changed by a reload; restart the exporter for it"
    ]


def test_check_reads_it_all(house: House, tmp_path: Path, platform: Platform) -> None:
    """``check`` and ``serve`` refuse a bad web configuration with status 2 and a line for each fault."""
    house.write(tls_server_config={**SERVER, "key_file": "gone.key"})
    config = write_config(tmp_path / "c", platform.account(), web_config_file=str(house.path))
    for command in ("check", "serve"):
        done = run_program(command, "--config", str(config))
        fault = f"tls_server_config.key_file: cannot read {house.directory}/gone.key: no such file or directory; expected PEM"
        assert (done.returncode, done.stderr) == (2, f"yunfu-exporter: {house.path}: {fault}\n")
    house.write(tls_server_config=SERVER)
    assert run_program("check", "--config", str(config)).returncode == 0
