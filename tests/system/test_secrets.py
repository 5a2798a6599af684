"""No secret ever shows: tokens and passwords are planted, and looked for in all that the exporter says."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import pprint
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bcrypt
import pytest
import trustme
import yaml
from aiohttp import web

from exporter.api.client import YunfuClient
from exporter.cli import run
from exporter.config.faults import SettingsError
from exporter.config.loading import load_settings
from exporter.daemon import Daemon, make_daemon, make_surroundings
from exporter.demo.simulator import SimulatorOptions
from exporter.logs import set_up
from exporter.masking import MASK
from exporter.metrics.clock import SteadyClock
from exporter.metrics.exposition import TaskRenderer
from exporter.polling import task_reader
from exporter.polling.account import Account, open_account
from exporter.polling.credentials import read_tokens
from exporter.web.server import listening
from tests.support.programs import Reply, answers, eventually, fetch, free_port, running, simulated, write_config
from tests.support.tools import documented

INLINE, IN_FILE, PASSWORD = "eyJpl4nted/Inline+T0ken==", "pl4nted-F1le-T0ken", "pl4nted:Pr0xy&Pass"
BASIC, GUESS = "pl4nted.B4sic.Password", "pl4nted,Wr0ng,Password"
HASH = bcrypt.hashpw(BASIC.encode(), bcrypt.gensalt(4)).decode()
PERSON = "13800138000"  # what a platform's answer can hold of people
SECRETS = (INLINE, IN_FILE, PASSWORD, BASIC, GUESS, HASH[7:])
USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"


def forms(secret: str) -> set[str]:
    """Return how a secret may look: as it is, quoted, in JSON, and in base64 at each of the three alignments."""
    shown = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], secret[:12], secret[-10:]}
    for before in ("", "x", "xx"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            shown.add(encode((before + secret).encode()).decode().rstrip("=")[4:-2])
    return shown


def leaks(text: str) -> list[str]:
    """Return the forms of secrets that a text holds."""
    return [form for secret in SECRETS for form in forms(secret) if form in text]


def test_the_search_finds_what_it_is_for() -> None:
    """The search for secrets finds each of them, plain and disguised."""
    for secret in SECRETS:
        basic = base64.b64encode(f"user:{secret}".encode()).decode()
        for text in (secret, quote(secret, safe=""), basic, f"Bearer {secret[:12]}…"):
            assert leaks(f"log {text} line"), text
    assert leaks("the token of account main is refused") == []


@pytest.fixture
def secretive(tmp_path: Path) -> dict[str, Any]:
    """Give the settings of three accounts with planted secrets: on a dead port, and through a dead proxy."""
    token = tmp_path / "token"
    token.write_text(IN_FILE)
    same = {
        "base_url": "http://127.0.0.1:9",
        "user_id": USER,
        "rate_limit": 500,
        "discovery": {},
        "tasks": [{"id": TASK}],
    }
    proxy = f"http://user:{quote(PASSWORD, safe='')}@127.0.0.1:9"
    return {
        "inline": {**same, "name": "inline", "token": INLINE},
        "file": {**same, "name": "file", "token_file": str(token)},
        "proxy": {**same, "name": "proxy", "token": INLINE, "proxy": proxy},
    }


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all that is logged, at debug level and by anyone; the set-up is put back."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    set_up("debug", "logfmt", stream)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("exporter").setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    "words", [["check"], ["check", "--live"], ["once"], ["tasks"], ["tasks", "--json"], ["capture"]]
)
def test_no_command_shows_one(
    words: list[str],
    secretive: dict[str, Any],
    tmp_path: Path,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever fails, at debug level: neither output, log nor file holds a secret."""
    config = write_config(tmp_path / "c", *secretive.values(), web_config_file=str(guard(tmp_path)))
    written = tmp_path / "written"
    output = ["--output", str(written)] if words == ["capture"] else []
    status = run([*words, *output, "--config", str(config), "--log.level", "debug"])
    out, err = capsys.readouterr()
    assert status == (0 if words == ["check"] else 1)
    said = out + err + log.getvalue() + (written.read_text() if output else "")
    assert "account-3" in said if output else "proxy" in out + err
    assert leaks(said) == []


def guard(tmp_path: Path, **more: Any) -> Path:
    """Write a web configuration with a key inside, and a user; return its path."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    tls = {"cert": issued.cert_chain_pems[0].bytes().decode(), "key": issued.private_key_pem.bytes().decode()}
    path = tmp_path / "web.yml"
    path.write_text(yaml.safe_dump({"tls_server_config": tls, "basic_auth_users": {"alice": HASH}, **more}))
    return path


def test_the_daemon_shows_none(secretive: dict[str, Any], tmp_path: Path) -> None:
    """Served, probed, guessed at, reloaded well and badly and stopped in asyncio's debug mode: nothing holds a secret."""
    address = f"127.0.0.1:{free_port()}"
    web_config = guard(tmp_path)
    key = web_config.read_text().split("PRIVATE KEY-----")[1].split()[1]
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE

    def ask(path: str, method: str = "GET", password: str = BASIC) -> Reply:
        basic = base64.b64encode(f"alice:{password}".encode()).decode()
        return fetch(f"https://{address}{path}", method, {"Authorization": f"Basic {basic}"}, anybody)

    with simulated(SimulatorOptions(tasks=2)) as platform:
        refused = platform.account("refused", token=INLINE)
        health = f"127.0.0.1:{free_port()}"
        more = {
            "listen": address,
            "health_listen": health,
            "web_config_file": str(web_config),
            "log": {"level": "debug"},
        }
        config = write_config(tmp_path / "c", *secretive.values(), refused, **more)
        with running(
            tmp_path, "--config", str(config), env={"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}
        ) as program:
            eventually(answers(f"http://{health}/readyz"))
            paths = ("/metrics", "/", "/sd", "/probe?account=x&task=y", f"/task?account=inline&task={TASK}", "/nowhere")
            said = [ask(path).text for path in paths]
            said += [ask(f"/probe?account={name}&task={TASK}").text for name in ("inline", "file", "proxy")]
            said.append(ask(f"/probe?account={quote(INLINE)}&task={TASK}").text)
            said += [ask("/metrics", password=guess).text for guess in (GUESS, PASSWORD)]
            malformed(address, anybody, f"GET / HTTP/1.1\r\nAuthorization: Basic {GUESS}\0{BASIC}\r\n\r\n")
            malformed(address, anybody, f"{BASIC} {GUESS} {INLINE}\r\n\r\n")
            for account in ({**secretive["inline"], "token": f"two {INLINE}"}, {**secretive["inline"], INLINE: 1}):
                write_config(config, account, **more)
                reply = ask("/-/reload", "POST")
                assert reply.status == 500
                said.append(reply.text)
            config.write_text(f'accounts: [{{name: "a, token: {INLINE}}}]')
            said.append(ask("/-/reload", "POST").text)
            write_config(config, secretive["inline"], **more)
            for broken in ({"alice": BASIC}, {"alice": HASH[:-1]}, {"alice": [HASH]}):
                guard(tmp_path, basic_auth_users=broken)
                said.append(ask("/-/reload", "POST").text)
            web_config.write_text(web_config.read_text().replace("PRIVATE KEY", "PRIVAT KEY"))
            said.append(ask("/-/reload", "POST").text)
            web_config.write_text(f"basic_auth_users: {{alice: {HASH}: {BASIC}}}")
            said.append(ask("/-/reload", "POST").text)
            assert program.stop() == 0
            said += [program.logs, program.out.read_text()]
    assert "http_401" in program.logs
    assert "the proxy refused" in program.logs
    assert "is not a bcrypt hash" in program.logs
    assert [leaks(text) for text in said] == [[]] * len(said)
    assert not [text for text in said if key in text]


def malformed(address: str, tls: ssl.SSLContext, text: str) -> None:
    """Send what is no HTTP, and wait for the end of the connection."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as plain, tls.wrap_socket(plain) as connection:
        connection.sendall(text.encode())
        while connection.recv(4096):
            pass


@pytest.mark.parametrize(
    "broken",
    [
        {"token": [INLINE]},
        {"token": {"value": INLINE}},
        {"token": f"Bearer {INLINE}\n"},
        {"token": f"{INLINE}\u3000x"},
        {"token": INLINE, "token_file": "/x"},
        {"proxy": f"socks5://user:{PASSWORD}@127.0.0.1"},
        {"proxy": f"http://user:{PASSWORD}@[nowhere"},
        {"proxy": [PASSWORD]},
        {"base_url": f"http://user:{PASSWORD}@127.0.0.1"},
    ],
)
def test_no_fault_shows_one(broken: dict[str, Any], secretive: dict[str, Any], tmp_path: Path) -> None:
    """A fault in a secret, or beside it, is named without it, in the message and in all of the exception."""
    config = write_config(tmp_path / "c", {**secretive["inline"], **broken})
    with pytest.raises(SettingsError) as caught:
        load_settings(["--config", str(config)], environ={})
    assert leaks("\n".join(caught.value.faults)) == []
    assert leaks(repr(caught.value)) == []
    assert leaks(str(caught.getrepr(style="native"))) == []


async def test_no_value_shows_one(secretive: dict[str, Any], tmp_path: Path) -> None:
    """Settings, tokens, clients and accounts, printed in any way, hold no secret."""
    settings = load_settings(["--config", str(write_config(tmp_path / "c", *secretive.values()))], environ={})
    tokens, _ = read_tokens(settings)
    around = make_surroundings(TaskRenderer(), 300, SteadyClock())
    things: list[object] = [settings, settings.model_dump(), settings.model_dump_json(), tokens, around]
    for each in settings.accounts:
        things += [each, vars(each), each.model_dump(mode="json"), each.model_copy()]
        async with open_account(settings, each, tokens[each.name], around) as account:
            assert isinstance(account, Account)
            assert isinstance(account.client, YunfuClient)
            things += [account, account.client, account.poller, vars(account), account.client._session]
    for thing in things:
        assert leaks(f"{thing} {thing!r} {pprint.pformat(thing)}") == [], type(thing)


class Mirror:
    """A platform that plays the Authorization header back, in the place that a test asks for."""

    def __init__(self) -> None:
        self.place = ""
        self.token = INLINE
        self.calls = 0

    async def answer(self, request: web.Request) -> web.Response:  # noqa: C901, PLR0912  # a table, by place
        """Answer any call."""
        self.calls += 1
        secret = request.headers["Authorization"]
        data = documented() | {"phone": PERSON, "tags": [{"name": PERSON, "count": PERSON}], PERSON: 1}
        envelope: dict[str, Any] = {"code": 200, "status": "success", "message": f"ok {PERSON}", "data": data}
        refusal = envelope | {"code": 500, "status": "error"}
        match self.place:
            case "message":
                return web.json_response(refusal | {"code": 401, "message": secret}, status=401)
            case "envelope":
                return web.json_response(refusal | {"message": f"{secret} 系统繁忙 {PERSON}"})
            case "bare":
                return web.json_response(refusal | {"message": f"token{secret.removeprefix('Bearer ')}无效"})
            case "code":
                return web.json_response(envelope | {"code": secret})
            case "status":
                return web.json_response(envelope | {"code": 500, "status": secret.removeprefix("Bearer ")})
            case "people":
                return web.json_response(envelope)
            case "page":
                return web.Response(status=502, text=f"<html>{secret}</html>", content_type="text/html")
            case "not json":
                return web.Response(text=secret)
            case "redirect":
                return web.Response(status=302, headers={"Location": f"http://127.0.0.1:9/?{secret}"})
            case "retry":
                return web.Response(status=429, headers={"Retry-After": secret, "X-RateLimit-Reset": secret})
            case "reason":
                return web.Response(status=500, reason=secret.removeprefix("Bearer "))
            case "field":
                return web.json_response(envelope | {"data": {"answer_rate": {"answered": secret}, "rounds": secret}})
            case _:
                raise AssertionError(self.place)


async def once(secretive: dict[str, Any], tmp_path: Path, mirror: Mirror) -> tuple[Daemon, str]:
    """Run the exporter on a mirror until it is ready; return it, and its page."""
    port = free_port()
    app = web.Application()
    app.router.add_get("/{anything:.*}", mirror.answer)
    account = {**secretive["inline"], "token": mirror.token, "base_url": f"http://127.0.0.1:{port}", "discovery": None}
    address = f"127.0.0.1:{free_port()}"
    config = write_config(tmp_path / "c", account, listen=address)
    settings = load_settings(["--config", str(config)], environ={})
    tokens, _ = read_tokens(settings)
    daemon = make_daemon(settings, tokens, lambda: (settings, tokens))
    async with listening(app, [("127.0.0.1", port)]):
        task = asyncio.create_task(daemon.run())
        async with asyncio.timeout(10):
            await daemon.ready.wait()
        page = daemon.exposition().decode()
        for path in ("/", f"/task?account=inline&task={TASK}", f"/probe?account=inline&task={TASK}"):
            page += (await asyncio.to_thread(fetch, f"http://{address}{path}")).text
        page += "".join(str(account.failure) for account in daemon.store.accounts())
        page += "".join(str(record.status.failure) for record in daemon.store.records())
        daemon.stop()
        await task
    return daemon, page


@pytest.mark.parametrize(
    "place",
    [
        "message",
        "envelope",
        "bare",
        "code",
        "status",
        "people",
        "page",
        "not json",
        "redirect",
        "retry",
        "reason",
        "field",
    ],
)
async def test_a_platform_that_plays_it_back_is_not_quoted(
    place: str, secretive: dict[str, Any], tmp_path: Path, log: io.StringIO
) -> None:
    """Whatever part of an answer holds the token, neither the log nor the page passes it on."""
    mirror = Mirror()
    mirror.place = place
    _, page = await once(secretive, tmp_path, mirror)
    assert mirror.calls
    assert "serving" in log.getvalue()
    assert leaks(log.getvalue()) == []
    assert PERSON not in log.getvalue()
    assert leaks(page) == []
    assert PERSON not in page or place == "people"
    if place in {"envelope", "bare"}:
        said = MASK if place == "bare" else f"{MASK} 系统繁忙 {MASK}"
        assert said in page
        assert said in log.getvalue()


async def test_an_odd_token_is_not_quoted_either(secretive: dict[str, Any], tmp_path: Path, log: io.StringIO) -> None:
    """A token that looks like an ordinary word is known to the client and masked all the same."""
    mirror = Mirror()
    mirror.place, mirror.token = "bare", "planted"
    _, page = await once(secretive, tmp_path, mirror)
    assert f"token{MASK}无效" in page
    assert f"token{MASK}无效" in log.getvalue()
    assert "planted" not in page + log.getvalue()


@pytest.mark.parametrize("where", ["parse_stats", "_read"])
async def test_a_crash_shows_none(
    where: str, secretive: dict[str, Any], tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of our own in a poll is logged with its traceback, without the token that was in the air."""

    def crash(*_: object) -> None:
        raise RuntimeError("a bug")

    target: object = task_reader if where == "parse_stats" else YunfuClient
    monkeypatch.setattr(target, where, crash)
    mirror = Mirror()
    mirror.place = "field"
    _, page = await once(secretive, tmp_path, mirror)
    assert "poll broke off" in log.getvalue()
    assert "RuntimeError: a bug" in log.getvalue()
    assert leaks(log.getvalue() + page) == []
