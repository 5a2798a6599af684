"""The client against a platform on loopback: what is asked, what is read, and that every failure is in the tree."""

from __future__ import annotations

import asyncio
import base64
import gzip
import inspect
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
import trustme
from aiohttp import http_exceptions
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from exporter import __version__
from exporter.api import client, errors, gate, responses
from exporter.api.client import Answer
from exporter.api.connections import open_session
from exporter.api.errors import (
    ApiTimeout,
    ConnectError,
    MalformedError,
    TlsError,
    Unauthorized,
)
from exporter.api.model import TaskRef
from exporter.api.tokens import Token
from exporter.config.values import parse_base_url
from exporter.files.authorities import Authorities
from tests.support.calls import (
    REF,
    STAT,
    SUB_USER,
    TASK,
    TOKEN,
    USER,
    Calls,
    Platform,
    answering_raw,
    calling,
    envelope,
)
from tests.support.tools import documented


async def test_the_request_is_the_documented_one() -> None:
    """Path, bearer token and headers are as documented, and nothing of the answer's cookies comes back."""
    platform = Platform(envelope(documented()), Set_Cookie="session=1; Path=/")
    async with calling(platform) as calls:
        assert (await calls.client.stat(REF)).data == documented()
        await calls.client.stat(REF)
    for request in platform.requests:
        assert (request.method, request.path, request.query) == ("GET", STAT, "")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"] == f"yunfu-exporter/{__version__}"
        assert "gzip" in request.headers["accept-encoding"]
        assert "cookie" not in request.headers
    assert len(platform.requests) == 2


async def test_a_span_and_a_sub_account_are_in_the_query() -> None:
    """The two times repeat ``date[]``, URL-encoded once, and the sub-account follows."""
    platform = Platform()
    async with calling(platform) as calls:
        await calls.client.stat(TaskRef("main", TASK, SUB_USER), ("2021-06-30 13:20:28", "2021-06-30 15:20:28"))
        await calls.client.stat(TaskRef("main", TASK, SUB_USER))
    both, sub_user = platform.requests
    assert both.query == (
        f"date%5B%5D=2021-06-30+13%3A20%3A28&date%5B%5D=2021-06-30+15%3A20%3A28&sub_user_id={SUB_USER}"
    )
    assert both.parameters() == [
        ("date[]", "2021-06-30 13:20:28"),
        ("date[]", "2021-06-30 15:20:28"),
        ("sub_user_id", SUB_USER),
    ]
    assert sub_user.query == f"sub_user_id={SUB_USER}"


async def test_a_base_url_can_have_a_path() -> None:
    """A platform behind a path of a shared host is asked below that path."""
    platform = Platform()
    async with calling(platform, prefix="/brand/x") as calls:
        await calls.client.stat(REF)
    assert platform.requests[0].path == f"/brand/x{STAT}"


async def test_a_proxy_is_used_and_its_password_not_passed_on() -> None:
    """With a proxy the request goes there, whole, with the proxy's credentials apart from the platform's."""
    proxy = Platform()
    async with calling(proxy, base_url="http://platform.invalid", proxied="user:planted-password@") as calls:
        await calls.client.stat(REF)
    request = proxy.requests[0]
    assert request.path == f"http://platform.invalid{STAT}"
    assert request.headers["host"] == "platform.invalid"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'user:planted-password').decode()}"


@pytest.mark.parametrize("base_url", ["http://platform.invalid", "https://platform.invalid"])
@pytest.mark.parametrize(
    ("written", "password"), [("密码", "密码"), ("100%25", "100%"), ("p@ss", "p@ss"), ("%E5%AF%86é", "密é"), ("", "")]
)
async def test_a_proxys_password_can_be_any_text(base_url: str, written: str, password: str) -> None:
    """It reaches the proxy as UTF-8, with the request itself or with CONNECT, and never the platform."""
    proxy = Platform(b"", status=407)
    async with calling(proxy, base_url=base_url, proxied=f"用户:{written}@") as calls:
        await calls.fail()
    (request,) = proxy.requests
    expected = base64.b64encode(f"用户:{password}".encode()).decode()
    assert request.headers["proxy-authorization"] == f"Basic {expected}"
    assert ("authorization" in request.headers) == base_url.startswith("http:")


async def test_names_and_paths_in_chinese_are_sent_encoded() -> None:
    """A host name goes out by IDNA, also to a proxy, and a path percent-encoded."""
    proxy = Platform()
    async with calling(proxy, base_url=parse_base_url("http://接口.例子.test/品牌"), proxied="") as calls:
        await calls.client.stat(REF)
    assert proxy.requests[0].headers["host"] == "xn--6orp08a.xn--fsqu00a.test"
    assert proxy.requests[0].path == f"http://xn--6orp08a.xn--fsqu00a.test/%E5%93%81%E7%89%8C{STAT}"


@pytest.mark.parametrize("base_url", ["http://platform.invalid", "https://platform.invalid"])
@pytest.mark.parametrize("is_up", [True, False], ids=["refuses", "unreachable"])
async def test_a_proxy_that_does_not_serve_is_named_without_its_password(base_url: str, *, is_up: bool) -> None:
    """A proxy that refuses or is gone is a connect failure (for http a status), and no text shows a secret."""
    proxy = Platform(b"", status=407)
    async with AsyncExitStack() as stack:
        if is_up:
            calls = await stack.enter_async_context(calling(proxy, base_url=base_url, proxied="user:planted-password@"))
        else:
            session = await stack.enter_async_context(open_session(timeout_seconds=5))
            calls = Calls(session, base_url, Token(TOKEN), "http://user:planted-password@127.0.0.1:9")
        error = await calls.fail()
    assert error.reason == ("http_407" if is_up and base_url.startswith("http:") else "connect")
    assert "planted" not in f"{error} {error!r}"


async def test_each_call_is_reported_to_the_observer() -> None:
    """Endpoint, duration and error of every call are reported, without the wait at the gate, also if the answer is of no use."""

    def refuse(_: Mapping[str, Any]) -> None:
        raise MalformedError("no list")

    platform = Platform()
    async with calling(platform) as calls:
        await calls.client.stat(REF)
        await calls.client.get("tasks", f"/user/{USER}/task", [("page", "1")], dict)
        with pytest.raises(MalformedError) as caught:
            await calls.client.get("tasks", f"/user/{USER}/task", [("page", "2")], refuse)
        platform.prepare(b"", status=503)
        error = await calls.fail()
    assert [(endpoint, error) for endpoint, _, error in calls.seen] == [
        ("stat", None),
        ("tasks", None),
        ("tasks", caught.value),
        ("stat", error),
    ]
    assert all(0 < seconds < 5 for _, seconds, _ in calls.seen)


async def test_an_exchange_says_what_came_back() -> None:
    """HTTP status, size of the body and duration, as far as an answer came: with the answer, or with its error."""
    platform = Platform(envelope(documented()))
    async with calling(platform) as calls:
        exchange = (await calls.client.stat(REF)).exchange
        assert exchange is not None
        assert exchange[:2] == (200, len(envelope(documented())))
        assert 0 < exchange.seconds < 5
        platform.prepare(envelope(None, code=500))
        refused = (await calls.fail()).exchange
        assert refused is not None
        assert refused[:2] == (200, len(envelope(None, code=500)))
        platform.prepare(b"down", status=502)
        down = (await calls.fail()).exchange
        assert down is not None
        assert down[:2] == (502, 4)
    async with answering_raw(b"") as calls:
        cut = (await calls.fail()).exchange
        assert cut is not None
        assert cut[:2] == (None, None)


@pytest.mark.parametrize(
    ("status", "body"), [(200, envelope({"x": 1})), (200, b"no JSON"), (404, b"<html>"), (502, b"busy")]
)
async def test_all_of_an_answer_is_passed_to_who_watches(status: int, body: bytes) -> None:
    """A call that is watched is a call like any, and its answer is passed on, be it a refusal or nothing that can be read."""
    platform, answers = Platform(body, status, X_Other="7"), list[Answer]()
    async with calling(platform) as calls:
        with suppress(errors.ApiError):
            await calls.client.watched("stat", "/token", [], responses.parse_envelope, answers.append)
        assert len(calls.seen) == 1
    (answer,) = answers
    assert (answer.status, answer.body, answer.headers["X-Other"]) == (status, body, "7")
    assert 0 < answer.seconds < 5


async def test_a_call_given_up_is_no_failure() -> None:
    """A call that is cancelled, as at a stop or by a probe's client, is reported neither as success nor as failure."""
    platform = Platform()
    async with calling(platform) as calls:
        call = asyncio.create_task(calls.client.stat(REF))
        platform.before_answering = call.cancel
        with pytest.raises(asyncio.CancelledError):
            await call
    assert calls.seen == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "connect"),
        (b"\x16\x03\x01\x02\x00", "malformed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed"),
        (b"HTTP/1.1 999999 Odd\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: \x00\x01\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "connect"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", "connect"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnogz", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 999)[:12], "malformed"),
        (b"HTTP/1.1 500 Oh\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnogz", "http_5xx"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\ncut", "http_5xx"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "http_2xx"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "http_3xx"),
        (b"HTTP/1.1 418 \xe8\x8c\xb6\r\n\r\n", "http_418"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "malformed"),
    ],
    ids=lambda value: repr(value[:50]) if isinstance(value, bytes) else value,
)
async def test_no_answer_is_outside_the_tree(answer: bytes, reason: str) -> None:
    """Whatever bytes come back, the failure has its reason and the token is not in its text."""
    async with answering_raw(answer) as calls:
        error = await calls.fail()
    assert error.reason == reason
    assert TOKEN not in f"{error} {error!r}"
    assert "\n" not in str(error)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]))
def test_random_bytes_are_a_failure_like_any_other(noise: bytes, start: bytes) -> None:
    """Noise instead of an answer, of its headers or of its body raises an ApiError and nothing else."""

    async def scenario() -> None:
        async with answering_raw(start + noise) as calls:
            await calls.fail()

    asyncio.run(scenario())


REQUEST_INFO = RequestInfo(URL("http://h"), "GET", CIMultiDictProxy(CIMultiDict()), URL("http://h"))
KEY = ConnectionKey("h", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def _raise_each() -> list[BaseException]:
    """Make one of each of aiohttp's public exceptions that a request can end with, their texts full of secrets."""
    secret = "http://user:planted-password@proxy Bearer planted-token"
    made: list[BaseException] = []
    for name in dir(aiohttp):
        kind = getattr(aiohttp, name)
        if not (inspect.isclass(kind) and issubclass(kind, aiohttp.ClientError | TimeoutError)):
            continue
        if issubclass(kind, aiohttp.ClientResponseError):
            made.append(kind(REQUEST_INFO, (), status=500, message=secret))
        elif issubclass(kind, aiohttp.ClientConnectorCertificateError):
            made.append(kind(KEY, ValueError(secret)))
        elif issubclass(kind, aiohttp.ClientConnectorError):
            made.append(kind(KEY, OSError(1, "no route")))
        elif kind is aiohttp.ServerFingerprintMismatch:
            made.append(kind(b"a", b"b", "h", 1))
        else:
            made.append(kind(secret))
    return made


class _RaisingSession:
    """Stands in for aiohttp's session: every request ends with the same exception."""

    timeout = aiohttp.ClientTimeout(total=3)

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def get(self, *_: object, **__: object) -> _RaisingSession:
        return self

    async def __aenter__(self) -> None:
        raise self._error

    async def __aexit__(self, *_: object) -> None:
        """Leave."""


EXPECTED = {
    TlsError: {
        "ClientConnectorCertificateError",
        "ClientConnectorSSLError",
        "ClientSSLError",
    },
    ApiTimeout: {"ConnectionTimeoutError", "ServerTimeoutError", "SocketTimeoutError"},
    MalformedError: {"ClientResponseError", "ContentTypeError", "TooManyRedirects", "WSServerHandshakeError"},
}


@pytest.mark.parametrize("foreign", _raise_each(), ids=lambda error: type(error).__name__)
async def test_every_exception_of_aiohttp_has_its_place_in_the_tree(foreign: BaseException) -> None:
    """None escapes, each is of its kind, and no text of theirs, which could hold a password, is taken over."""
    calls = Calls(cast(aiohttp.ClientSession, _RaisingSession(foreign)), "https://h", Token(TOKEN), None)
    error = await calls.fail()
    kind = next((kind for kind, names in EXPECTED.items() if type(foreign).__name__ in names), ConnectError)
    assert type(error) is kind
    assert "planted" not in f"{error} {error!r}"
    assert calls.seen[0][2] is error


async def test_a_timeout_says_how_long_the_answer_had() -> None:
    """The message has the limit of a call in seconds, and the setting that raises it."""
    session = cast(aiohttp.ClientSession, _RaisingSession(TimeoutError()))
    error = await Calls(session, "https://h", Token(TOKEN), None).fail()
    assert str(error) == "no complete answer within 3 s (poll.timeout)"


def test_the_walk_over_aiohttp_finds_its_exceptions() -> None:
    """The table above is not empty, and each name that it expects is there."""
    names = {type(error).__name__ for error in _raise_each()}
    assert len(names) >= 25
    assert names >= set().union(*EXPECTED.values())


@pytest.mark.parametrize(
    "foreign",
    [
        OSError(104, "reset"),
        UnicodeError("label too long"),
        http_exceptions.ContentEncodingError("damaged"),
        http_exceptions.TransferEncodingError("damaged"),
        http_exceptions.BadStatusLine("odd"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_errors_from_below_aiohttp_do_not_escape(foreign: BaseException) -> None:
    """The system's errors, the parser's own and those of a host name that cannot be encoded are translated too."""
    calls = Calls(cast(aiohttp.ClientSession, _RaisingSession(foreign)), "https://h", Token(TOKEN), None)
    error = await calls.fail()
    assert error.reason == ("malformed" if isinstance(foreign, http_exceptions.HttpProcessingError) else "connect")


async def test_a_host_name_that_cannot_be_encoded_is_a_connect_failure() -> None:
    """A label over 63 characters is refused before any name server is asked."""
    async with open_session(timeout_seconds=5) as session:
        error = await Calls(session, f"http://{'a' * 64}.invalid", Token(TOKEN), None).fail()
    assert error.reason == "connect"


async def test_a_throttle_in_the_envelope_holds_the_account_too() -> None:
    """HTTP 200 with code 429 holds all calls back for half a minute; it is the account that is not served."""
    async with calling(Platform(envelope(None, code=429, status="error"))) as calls:
        error = await calls.fail()
        assert (error.reason, error.is_tasks_own, error.holds) == ("api_error", False, True)
        assert calls.gate.held_seconds("stat") == pytest.approx(responses.DEFAULT_THROTTLE_SECONDS, abs=0.5)


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b""), (200, envelope(None, code=401, status="error"))],
    ids=["HTTP status", "code in the envelope"],
)
class TestRefusedToken:
    """A token is refused by the HTTP status, or by the envelope's code."""

    async def test_holds_back_all_calls_for_a_minute(self, status: int, body: bytes) -> None:
        """The account's next call waits for a minute; the platform does not serve the account."""
        async with calling(Platform(body or b"{}", status)) as calls:
            error = await calls.fail()
            assert not error.is_tasks_own
            assert isinstance(error, Unauthorized) == (status == 401)
            assert calls.gate.held_seconds("stat") == pytest.approx(client.REFUSED_TOKEN_SECONDS, abs=0.5)

    async def test_is_read_again_first(self, status: int, body: bytes, tmp_path: Path) -> None:
        """If the file was changed while the call was under way, there is no hold and the next call has the new one."""
        file = tmp_path / "token"
        file.write_text("planted-1")
        platform = Platform(body or b"{}", status)
        platform.before_answering = lambda: file.write_text("planted-token-2")
        async with calling(platform, token=Token.from_file(file)) as calls:
            await calls.fail()
            assert calls.gate.held_seconds("stat") == 0
            platform.prepare(envelope({}))
            await calls.client.stat(REF)
        assert [request.headers["authorization"] for request in platform.requests] == [
            "Bearer planted-1",
            "Bearer planted-token-2",
        ]

    async def test_does_not_blame_a_newer_one(self, status: int, body: bytes, tmp_path: Path) -> None:
        """The late refusal of an old token, after a new one was read, holds nothing back."""
        file = tmp_path / "token"
        file.write_text("planted-1")
        token = Token.from_file(file)
        platform = Platform(body or b"{}", status)

        def swap() -> None:
            file.write_text("planted-token-2")
            token.refresh()

        platform.before_answering = swap
        async with calling(platform, token=token) as calls:
            await calls.fail()
            assert calls.gate.held_seconds("stat") == 0

    async def test_with_an_unreadable_file_holds(self, status: int, body: bytes, tmp_path: Path) -> None:
        """A token file that has gone leaves the old token, and the refusal is what is reported."""
        file = tmp_path / "token"
        file.write_text("planted-1")
        token = Token.from_file(file)
        file.unlink()
        async with calling(Platform(body or b"{}", status), token=token) as calls:
            error = await calls.fail()
            assert error.reason == ("http_401" if status == 401 else "api_error")
            assert calls.gate.held_seconds("stat") > 0


async def test_a_changed_token_ends_a_hold(tmp_path: Path) -> None:
    """Taking up another token opens the gate at once; an unchanged file leaves it shut."""
    file = tmp_path / "token"
    file.write_text("planted-1")
    async with calling(Platform(), token=Token.from_file(file)) as calls:
        calls.gate.quota.hold("stat", 60)
        assert not await calls.client.refresh_token()
        assert calls.gate.held_seconds("stat") > 0
        file.write_text("planted-token-2")
        assert await calls.client.refresh_token()
        assert calls.gate.held_seconds("stat") == 0


async def test_the_last_call_of_a_quota_is_good_and_holds() -> None:
    """``X-RateLimit-Remaining: 0`` on a good answer holds the next calls back, by default for some seconds."""
    platform = Platform(envelope({}), X_RateLimit_Remaining="0", Retry_After="20")
    async with calling(platform) as calls:
        assert (await calls.client.stat(REF)).data == {}
        assert calls.gate.held_seconds("stat") == pytest.approx(20, abs=0.5)
        calls.gate.use_token("another")
        platform.prepare(envelope({}), X_RateLimit_Remaining="0")
        await calls.client.stat(REF)
        assert calls.gate.held_seconds("stat") == pytest.approx(gate.EXHAUSTED_SECONDS, abs=0.5)
        calls.gate.use_token("a third")
        platform.prepare(envelope({}), X_RateLimit_Remaining="1")
        await calls.client.stat(REF)
        assert calls.gate.held_seconds("stat") == 0


async def test_the_quota_is_read_from_every_answer() -> None:
    """``X-RateLimit-Limit`` and ``-Remaining`` of good answers and refusals say what is granted, left, and used by others."""
    platform = Platform(envelope({}), X_RateLimit_Limit="60", X_RateLimit_Remaining="39")
    async with calling(platform) as calls:
        await calls.client.stat(REF)
        use = calls.gate.quota.use
        assert (use.granted, use.remaining, use.ours, use.others) == (60, 39, 1, 0)
        platform.prepare(b"", status=404, X_RateLimit_Limit="60", X_RateLimit_Remaining="30")
        await calls.fail()
        use = calls.gate.quota.use
        assert (use.remaining, use.ours, use.others) == (30, 2, 8)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(503, {"Retry_After": "8"}, 8), (503, {}, 0), (404, {"Retry_After": "8"}, 0), (502, {"Retry_After": "8"}, 8)],
)
async def test_an_outage_that_says_for_how_long_is_waited_out(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    """A 5xx with Retry-After holds back the endpoint for that time; the task's own refusals hold nothing."""
    async with calling(Platform(b"", status=status, **headers)) as calls:
        error = await calls.fail()
        assert error.holds == (seconds > 0)
        assert calls.gate.held_seconds("stat") == pytest.approx(seconds, abs=0.5)
        assert calls.gate.held_seconds("tasks") == 0


async def test_a_request_that_is_sent_once_more_waits_and_counts_like_any() -> None:
    """If a kept connection turns out to be closed, the second request passes the gate, and both are counted."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            for body in (envelope({}), b""):  # the second request on a connection is never answered
                await reader.readuntil(b"\r\n\r\n")
                requests += 1
                if body:
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                    writer.write(head.encode() + body)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_session(timeout_seconds=5) as session:
            calls = Calls(session, f"http://127.0.0.1:{port}", Token(TOKEN), None)
            for _ in range(3):
                await calls.client.stat(REF)
            assert requests == calls.gate.quota.use.ours == len(calls.seen)
            assert [error and error.reason for _, _, error in calls.seen] == [None, "connect", None, "connect", None]


async def test_a_changed_ca_file_is_in_use_for_the_next_call(tmp_path: Path) -> None:
    """Calls fail until the CA file has the server's authority, and work once it was read again."""
    authority, file, body = trustme.CA(), tmp_path / "ca.pem", envelope({})
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        writer.close()

    trustme.CA().cert_pem.write_to_path(file)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_session(timeout_seconds=5) as session:
            calls = Calls(session, f"https://localhost:{port}", Token(TOKEN), None, Authorities(file))
            assert not await calls.client.refresh_authorities(force=True)
            assert (await calls.fail()).reason == "tls"
            authority.cert_pem.write_to_path(file)
            assert await calls.client.refresh_authorities()
            await calls.client.stat(REF)


async def test_there_are_no_more_connections_than_calls_at_once() -> None:
    """The gate bounds the API calls at once, and thereby the connections, which are kept and used again."""
    async with calling(Platform()) as calls:
        connector = calls.client._session.connector
        assert connector is not None
        for _ in range(2):
            async with asyncio.TaskGroup() as group:
                for _ in range(30):
                    group.create_task(calls.client.stat(REF))
            assert sum(map(len, connector._conns.values())) == 8
