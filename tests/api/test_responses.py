"""Bodies, envelopes and headers: what is read of them, and what is refused."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from exporter.api import responses
from exporter.api.errors import (
    ApiError,
    EnvelopeError,
    HttpError,
    MalformedError,
    Throttled,
)
from exporter.api.responses import parse_envelope, read_hold, read_quota
from exporter.masking import MASK
from tests.support.calls import (
    REF,
    TOKEN,
    Platform,
    calling,
    envelope,
)
from tests.support.tools import documented


@pytest.mark.parametrize(
    "body",
    [
        envelope({"a": 1}),
        envelope({"a": 1}, code="200"),
        envelope({"a": 1}, code=200.0),
        envelope({"a": 1}, status=None),
        envelope({"a": 1}, status=[]),
        envelope({"a": 1}, status={"text": "success"}),
        b'{"code": 200, "data": {"a": 1}}',
    ],
)
def test_a_good_envelope_may_be_written_in_many_ways(body: bytes) -> None:
    """The code decides, as a number or as text; the status may be missing or of any shape."""
    assert parse_envelope(body)["data"] == {"a": 1}


BUT = "the platform answered HTTP 200, but the JSON body has"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (envelope(None, code=500, status="error"), EnvelopeError, f"{BUT} code 500"),
        (envelope({"a": 1}, status="error"), EnvelopeError, f'{BUT} the status "error"'),
        (envelope({"a": 1}, status="failed"), EnvelopeError, f'{BUT} the status "failed"'),
        (envelope({}, code=None), EnvelopeError, f"{BUT} no number as code"),
        (envelope({}, code=[]), EnvelopeError, f"{BUT} no number as code"),
        (envelope({}, code=True), EnvelopeError, f"{BUT} no number as code"),
        (b"[]", MalformedError, "the answer is JSON, but not the platform's: it has no code"),
        (b'{"data": {}}', MalformedError, "the answer is JSON, but not the platform's: it has no code"),
        (b"null", MalformedError, "the answer is JSON, but not the platform's: it has no code"),
        (b"", MalformedError, "the answer of 0 bytes is not JSON"),
        (b"<html></html>", MalformedError, "the answer of 13 bytes is not JSON"),
        (b'{"code": 200, "data": {"a"', MalformedError, "the answer of 26 bytes is not JSON"),
        (b"[" * 40_000, MalformedError, "the answer of 40000 bytes is not JSON"),
        (b'{"code":' + b"9" * 5000 + b"}", MalformedError, "the answer of 5009 bytes is not JSON"),
    ],
    ids=lambda value: value[:30].decode() if isinstance(value, bytes) else None,
)
def test_what_is_no_good_envelope_is_said_in_one_line(body: bytes, kind: type[ApiError], message: str) -> None:
    """A refusal has its code and status in its text, anything else what it is not."""
    with pytest.raises(kind) as caught:
        parse_envelope(body)
    assert caught.value.text == message


def refusal(message: object, code: int = 422) -> bytes:
    """Return the JSON body of a refusal, as the platform documents it."""
    return json.dumps({"code": code, "status": "error", "message": message, "data": []}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (refusal("2.0任务启动中", 6007), 200, "2.0任务启动中"),
        (refusal("系统繁忙", 500), 200, "系统繁忙"),
        (refusal("请先暂停任务"), 422, "请先暂停任务"),
        (b"\xef\xbb\xbf" + refusal("余额不足"), 403, "余额不足"),
        (refusal("请求过多", 429), 429, "请求过多"),
        (refusal("系统维护", 500), 503, "系统维护"),
        (refusal(" 号码13800138000\n无效\x1b[0m"), 422, f"号码{MASK} 无效[0m"),
        (refusal("余额不足" * 100), 400, f"{'余额不足' * 19}余额不…"),
        (refusal(f"no user has {TOKEN}!"), 401, f"no user has {MASK}!"),
        (refusal(None), 422, ""),
        (refusal({"text": "余额不足"}), 422, ""),
        (refusal(["余额不足"], 500), 200, ""),
        (b"[]", 422, ""),
        (b'"x"', 422, ""),
        (b" ", 422, ""),
        (b"[" * 60_000, 422, ""),
        (b"<html><body>502 Bad Gateway</body></html>", 502, ""),
        (refusal("x" * 70_000), 422, ""),
    ],
    ids=lambda value: None if isinstance(value, int) else repr(value[:50]),
)
async def test_a_failure_has_the_platforms_own_message(body: bytes, status: int, said: str) -> None:
    """The message of a refusal's JSON body, with HTTP 200 or another status, is masked and kept; a page has none."""
    async with calling(Platform(body, status=status)) as calls:
        error = await calls.fail()
    assert error.failure.said == said
    assert str(error) == f"{error.text}; the platform says: {said}" if said else error.text
    assert said not in error.text or not said


async def test_a_refusal_that_hangs_in_its_body_is_that_refusal_within_the_time_out() -> None:
    """The status says enough: what is not there by the time-out is no longer waited for."""
    hanging = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\n\r\n{"message": "')
        await hanging.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with calling(Platform(), base_url=f"http://127.0.0.1:{port}", timeout_seconds=0.1) as calls:
            error = await calls.fail()
        hanging.set()
    assert (error.reason, error.said) == ("http_403", "")


@pytest.mark.parametrize(("data", "is_read"), [([], True), ({}, True), (None, False), ([1], False), ("x", False)])
async def test_the_data_of_statistics_is_an_object(data: object, *, is_read: bool) -> None:
    """PHP writes an empty object as an empty list; anything else is malformed."""
    async with calling(Platform(envelope(data))) as calls:
        if is_read:
            assert (await calls.client.stat(REF)).data == data
        else:
            assert str(await calls.fail()) == "the answer's data is no object"


async def test_statistics_with_none_of_the_documented_parts_are_of_an_unknown_format() -> None:
    """What came instead is named; one documented part, though it is empty, is enough."""
    async with calling(Platform(envelope({"callStats": {"ok": 1}, "a\nb": 2, "13800138000": 3}))) as calls:
        error = await calls.fail()
        assert (error.reason, error.is_tasks_own, error.holds) == ("unknown_format", True, False)
        assert str(error) == "the answer's data has none of the documented parts, but callStats, a…b, …"
    async with calling(Platform(envelope({"callStats": {}, "rounds": []}))) as calls:
        assert (await calls.client.stat(REF)).data == {"callStats": {}, "rounds": []}


async def test_the_known_answer_comes_without_data() -> None:
    """An answer whose digest is known is not read again; one that differs in a byte is, and so is one that failed before."""
    platform = Platform()
    async with calling(platform) as calls:
        first = await calls.client.stat(REF)
        assert first.data == documented()
        assert (await calls.client.stat(REF, known=first.digest))[:2] == (first.digest, None)
        platform.prepare(envelope(documented()) + b" ")
        other = await calls.client.stat(REF, known=first.digest)
        assert other.data == first.data
        assert other.digest != first.digest
        for body in (envelope(documented(), code=500), envelope(None)):
            platform.prepare(body)
            for _ in range(2):
                await calls.fail()
        platform.prepare(envelope(documented()), status=500)
        with pytest.raises(HttpError):
            await calls.client.stat(REF, known=first.digest)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7.5 "}, 7.5),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "-3"}, 1),
        ({"Retry-After": "1e300"}, responses.DEFAULT_THROTTLE_SECONDS),
        ({"Retry-After": "99999"}, responses.MAX_HOLD_SECONDS),
        ({"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}, 1),
        ({"Retry-After": "Sat, 01 Jan 2199 00:00:00 GMT"}, responses.MAX_HOLD_SECONDS),
        ({"Retry-After": "soon"}, responses.DEFAULT_THROTTLE_SECONDS),
        ({"Retry-After": "Mon, 01 Jan 0001 00:00:00 -0000"}, 1),
        ({"X-RateLimit-Reset": "1"}, 1),
        ({"X-RateLimit-Reset": "9999999999"}, responses.MAX_HOLD_SECONDS),
        ({"Retry-After": "4", "X-RateLimit-Reset": "99999999999"}, 4),
        ({}, responses.DEFAULT_THROTTLE_SECONDS),
    ],
    ids=repr,
)
async def test_a_throttle_says_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    """Seconds or a date in Retry-After, or the reset time, within 1 second and 1 hour; else half a minute."""
    async with calling(Platform(b"", status=429, **{n.replace("-", "_"): v for n, v in headers.items()})) as calls:
        error = await calls.fail()
        assert isinstance(error, Throttled)
        assert error.hold_seconds == pytest.approx(seconds, abs=2e-3)
        assert calls.gate.held_seconds("stat") == pytest.approx(seconds, abs=0.5)


NOW = 1_795_870_800.0  # Sat, 28 Nov 2026 13:00:00 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "8"}, 8.0),
        ({"Retry-After": "Sat, 28 Nov 2026 13:00:08 GMT"}, 8.0),
        ({"Retry-After": "Saturday, 28-Nov-26 13:00:08 GMT"}, 8.0),
        ({"Retry-After": "Sat Nov 28 13:00:08 2026"}, 8.0),
        ({"X-RateLimit-Reset": "1795870808"}, 8.0),
        ({"X-RateLimit-Reset": "1795870808000"}, 8.0),
        ({"X-RateLimit-Reset": "8"}, 8.0),
        ({"Retry-After": "8", "X-RateLimit-Reset": "30"}, 8.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "30"}, 30.0),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "-5"}, 1.0),
        ({"Retry-After": "999999999"}, 3600.0),
        ({"X-RateLimit-Reset": "1795870000"}, 1.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sat, 99 Nov 2026 13:00:08 GMT"}, None),
        ({"X-RateLimit-Reset": "-1"}, None),
        ({}, None),
    ],
)
def test_every_form_of_a_hold_is_read(
    headers: dict[str, str], seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds, the three forms of dates, Unix time, seconds to go and milliseconds mean the same wait in every time zone."""
    for zone in ("UTC", "Asia/Shanghai", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert read_hold(headers, NOW) == seconds
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("limit", "remaining", "quota"),
    [
        ("60", "59", (60, 59)),
        ("60", "0", (60, 0)),
        ("60", None, None),
        (None, "3", None),
        ("60", "-1", None),
        ("a", "b", None),
        ("100,100", "59", None),  # two values that a proxy joined
    ],
)
def test_a_quota_is_read_only_whole(limit: str | None, remaining: str | None, quota: tuple[int, int] | None) -> None:
    """What is granted and what remains are read together or not at all."""
    headers = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining}
    assert read_quota({name: value for name, value in headers.items() if value is not None}) == quota
