"""Who is let in, over real TLS on loopback: certificates, passwords, headers, and files that change."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.faults import SettingsError
from exporter.web import access as module
from exporter.web.access import TokenBucket, open_access
from exporter.web.server import HEADERS
from tests.support.access import HASH, SERVER, VERIFY, SecuredPort, basic
from tests.support.clock import until
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


async def test_without_a_file_all_may_come_in(port: SecuredPort) -> None:
    """No web configuration is plain HTTP without passwords, and the headers are there."""
    async with open_access(None, print) as access:
        assert access.tls is None
        assert await access.refresh() == []
    async with port.open() as it:
        reply = await it.get()
        missing = await it.get(path="/nowhere")
    assert (reply.status, reply.text, missing.status) == (200, "in", 404)
    for each in (reply, missing):
        assert {name: each.headers[name.lower()] for name in HEADERS} == HEADERS


async def test_passwords(port: SecuredPort) -> None:
    """Basic auth lets in a user with his password; the others are told how to come in, on every path."""
    async with port.open(basic_auth_users={"alice": HASH, "客服": HASH}) as it:
        assert (await it.get(headers=basic("alice", "right"))).text == "in"
        assert (await it.get(headers=basic("客服", "right"))).text == "in"
        for headers in ({}, basic("alice", "wrong"), basic("bob", "right"), {"Authorization": "Basic x"}):
            for path in ("/", "/nowhere"):
                reply = await it.get(path=path, headers=headers)
                assert (reply.status, reply.text) == (401, "a user name and password are needed\n")
                assert reply.headers["www-authenticate"] == 'Basic realm="yunfu-exporter", charset="UTF-8"'
        assert it.refused == {"unauthorized": 8}


async def test_too_many_guesses(port: SecuredPort) -> None:
    """When too many passwords wait to be checked, the next is told to come again, and who is known comes in."""
    slow = bcrypt.hashpw(b"right", bcrypt.gensalt(11)).decode()
    async with port.open(basic_auth_users={"alice": slow}) as it:
        assert (await it.get(headers=basic("alice", "right"))).text == "in"
        ask = it.access._passwords.is_right
        hashes = it.access._in_force.hashes
        guesses = [asyncio.create_task(ask((b"alice", b"%d" % n), hashes, "127.0.0.1")) for n in range(65)]
        await asyncio.sleep(0)
        reply = await it.get(headers=basic("alice", "guess"))
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert (await it.get(headers=basic("alice", "right"))).text == "in"
        assert it.refused == {"busy": 1}
        for each in guesses:
            each.cancel()
        await asyncio.wait(guesses)


async def test_headers(port: SecuredPort) -> None:
    """Configured headers are sent, in place of ours where they are the same; empty ones leave ours."""
    headers = {"Content-Security-Policy": "default-src 'none'", "X-XSS-Protection": 1, "X-Content-Type-Options": ""}
    async with port.open(http_server_config={"headers": headers}) as it:
        reply = await it.get()
    assert reply.headers["content-security-policy"] == "default-src 'none'"
    assert reply.headers["x-xss-protection"] == "1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["server"] == "yunfu-exporter"


@given(st.floats(0.005, 20), st.integers(1, 50), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_bucket_never_exceeds_rate_and_burst(interval: float, burst: int, pauses: list[float]) -> None:
    """In any span of time there are at most burst + length / interval requests, and a request after a pause of burst intervals passes."""
    bucket, now, taken = TokenBucket(interval, burst, 0.0), 0.0, []
    for pause in pauses:
        now += pause
        if bucket.take(now):
            taken.append(now)
    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], first):
            assert last - first + 1 <= burst + (end - begin) / interval + 1e-6
    assert bucket.take(now + burst * interval)


async def test_rate_limit(port: SecuredPort) -> None:
    """As many requests at once as burst says, then 429, before any password is looked at."""
    async with port.open(rate_limit={"interval": "1h", "burst": 3}, basic_auth_users={"alice": HASH}) as it:
        replies = [(await it.get(headers=basic("alice", "right"))).status for _ in range(3)]
        replies.append((await it.get()).status)
        assert replies == [200, 200, 200, 429]
        assert it.refused == {"rate_limited": 1}


async def test_changes_are_taken_up(port: SecuredPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users, headers, limits and certificates that change are in force without a restart; the old ones are not."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    async with port.open(tls_server_config=SERVER, basic_auth_users={"alice": HASH}) as it:
        watch = asyncio.create_task(it.access.watch(it.reported.append))
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


async def test_a_broken_file_changes_nothing(port: SecuredPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is told once, by name; what was in force stays so until the file is good again."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    async with port.open(tls_server_config=SERVER, basic_auth_users={"alice": HASH}) as it:
        watch = asyncio.create_task(it.access.watch(it.reported.append))
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
            assert it.reported == []
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
    port: SecuredPort, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If reading breaks as nobody foresaw, that is told, what was in force stays, and the watch goes on."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)

    def broken(_: Path) -> None:
        raise RuntimeError("planted")

    async with port.open(basic_auth_users={"alice": HASH}) as it:
        watch = asyncio.create_task(it.access.watch(it.reported.append))
        with monkeypatch.context() as for_now:
            for_now.setattr(module, "_load", broken)
            it.write(basic_auth_users={"bob": HASH})
            await heard(it, [f"{it.path}: reading it broke off with RuntimeError; see the log for the traceback"])
        assert "planted" in caplog.text
        assert (await it.get(headers=basic("alice", "right"))).status == 200
        it.write(basic_auth_users={"carol": HASH})
        await heard(it, [])
        assert (await it.get(headers=basic("carol", "right"))).status == 200
        watch.cancel()


async def test_a_mounted_secret_that_is_swapped(port: SecuredPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes swaps a link to a directory: what it leads to then is taken up."""
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    versions = [port.directory / "1", port.directory / "2"]
    for version, user in zip(versions, ("alice", "bob"), strict=True):
        version.mkdir()
        (version / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {user: HASH}}))
    data = port.directory / "..data"
    data.symlink_to(versions[0])
    port.path.symlink_to(data / "web.yml")
    monkeypatch.setattr(SecuredPort, "write", lambda *_, **__: None)
    async with port.open() as it:
        watch = asyncio.create_task(it.access.watch(it.reported.append))
        assert (await it.get(headers=basic("alice", "right"))).status == 200
        fresh = port.directory / "..new"
        fresh.symlink_to(versions[1])
        os.replace(fresh, data)  # noqa: PTH105  # what kubelet does
        await heard(it, [])
        assert (await it.get(headers=basic("alice", "right"))).status == 401
        assert (await it.get(headers=basic("bob", "right"))).status == 200
        watch.cancel()


async def test_a_bad_file_at_the_start(port: SecuredPort) -> None:
    """With a bad file nothing is served at all."""
    with pytest.raises(SettingsError, match="tls_server_confi: unknown key"):
        async with port.open(tls_server_confi={}):
            pass


async def test_handshakes_that_do_not_come_to_their_end(port: SecuredPort) -> None:
    """Whoever connects and does not shake hands takes a place for a while, is cut off, and keeps nobody out."""
    async with port.open(tls_server_config=SERVER) as it:
        silent = [socket.create_connection(("127.0.0.1", it.port)) for _ in range(20)]
        assert (await it.get(it.client())).text == "in"
        await until(lambda: it.refused["slow_request"] >= 7 and it.refused["connections"] >= 12)
        assert set(it.refused) == {"slow_request", "connections"}
        for each in silent:
            each.close()


async def heard(it: SecuredPort, expected: Sequence[str] | None) -> Sequence[str]:
    """Wait for the next report of the watch, and return it; given ``expected`` it must be that."""
    await until(lambda: it.reported)
    faults = [*it.reported.pop(0)]
    assert expected is None or faults == expected
    return faults


def certificate(it: SecuredPort) -> bytes | None:
    """Return the certificate that the port shows."""
    with (
        socket.create_connection(("127.0.0.1", it.port)) as plain,
        it.client("a.example").wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        return tls.getpeercert(binary_form=True)


@dataclass
class Guarded:
    """The program, served by a web configuration."""

    port: SecuredPort
    program: Program
    health: str
    config: Path

    def fetch(self, path: str, method: str = "GET", user: str = "alice") -> Reply:
        """Ask by TLS and password."""
        url = f"https://127.0.0.1:{self.port.port}{path}"
        return fetch(url, method, basic(user, "right"), self.port.client("a.example"))

    def is_good(self) -> float | None:
        """Return what the page says of the last load."""
        return find(self.fetch("/metrics").text, "yunfu_exporter_config_last_reload_successful")


@pytest.fixture
def guarded(port: SecuredPort, platform: Platform, tmp_path: Path) -> Iterator[Guarded]:
    """Run the program with TLS, client certificates and a password."""
    health = f"127.0.0.1:{free_port()}"
    port.write(tls_server_config=VERIFY, basic_auth_users={"alice": HASH})
    config = write_config(
        tmp_path / "c",
        platform.account(),
        listen=f"127.0.0.1:{port.port}",
        health_listen=health,
        web_config_file=str(port.path),
    )
    with running(tmp_path, "--config", str(config)) as program:
        eventually(answers(f"http://{health}/readyz"))
        yield Guarded(port, program, f"http://{health}", config)


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
    port, program = guarded.port, guarded.program
    assert guarded.is_good() == 1
    port.write(tls_server_config=VERIFY, basic_auth_users={"alice": HASH, "bob": HASH})
    eventually(lambda: guarded.fetch("/healthz", user="bob").status == 200)
    port.write(tls_server_config=VERIFY, basic_auth_users={"alice": "secret"})
    eventually(lambda: guarded.is_good() == 0)
    assert guarded.fetch("/healthz", user="bob").status == 200
    reply = guarded.fetch("/-/reload", "POST")
    fault = "basic_auth_users.alice: is not a bcrypt hash; expected like $2y$10$…, as 'htpasswd -nBC 10 USER' writes it"
    assert (reply.status, reply.text.splitlines()[1:]) == (500, [f"{port.path}: {fault}"])
    port.write(tls_server_config=VERIFY, basic_auth_users={"alice": HASH})
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


def test_check_reads_it_all(port: SecuredPort, tmp_path: Path, platform: Platform) -> None:
    """``check`` and ``serve`` refuse a bad web configuration with status 2 and a line for each fault."""
    port.write(tls_server_config={**SERVER, "key_file": "gone.key"})
    config = write_config(tmp_path / "c", platform.account(), web_config_file=str(port.path))
    for command in ("check", "serve"):
        done = run_program(command, "--config", str(config))
        fault = f"tls_server_config.key_file: cannot read {port.directory}/gone.key: no such file or directory; expected PEM"
        assert (done.returncode, done.stderr) == (2, f"yunfu-exporter: {port.path}: {fault}\n")
    port.write(tls_server_config=SERVER)
    assert run_program("check", "--config", str(config)).returncode == 0
