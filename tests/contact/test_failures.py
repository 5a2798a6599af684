"""The explanation of failed calls: wrong addresses, a wrong user_id, refused tokens, and what to try."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme

from exporter.contact.failures import Sentence
from exporter.contact.verdict import judge
from exporter.demo.simulator.server import Request, Response, listen
from tests.support.contact import NOW, Endpoints, contact_at, contact_with, envelope, page, refusal, serving
from tests.support.lists import USER

LIST = f"/agent-api/user/{USER}/task"
HTML = Response(b"<!doctype html><title>Login</title>", content_type="text/html")


def jwt(expiry: float) -> str:
    """Return a token that says when it expires."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expiry}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{claims}.signature"


async def verdict_on(respond: Callable[[Request], Response], path: str = "", **more: Any) -> Sentence:
    """Return the verdict on a platform, with a path in base_url or none."""
    async with serving(respond) as url:
        return judge(await contact_at(f"{url}{path}", **more))[0]


@pytest.mark.parametrize(
    ("response", "key"),
    [
        (refusal(401), "token_refused"),
        (envelope([], code=401, status="error"), "token_refused"),
        (refusal(429), "throttled"),
        (envelope([], code=429, status="error"), "throttled"),
        (refusal(403), "user_id_refused"),
        (refusal(404), "user_id_refused"),
        (envelope([], code=404, status="error"), "user_id_refused"),
        (Response(HTML.body, 404, content_type="text/html"), "no_api"),
        (HTML, "web_page"),
        (b'{"version": "1.2"}', "other_json"),
        (b"[]", "other_json"),
        (b"pong", "not_json"),
        (envelope("x"), "not_documented"),
        (Response(HTML.body, 502, content_type="text/html"), "platform_error"),
        (refusal(422, ""), "refused"),
        (envelope([], code=6007, status="error", message=None), "refused"),
        (refusal(402, "余额不足"), "refused_said"),
        (envelope([], code=402, status="error", message="余额不足"), "refused_said"),
        (Response(b"<h1>400 The plain HTTP request was sent to HTTPS port</h1>", 400), "wants_https"),
        (Response(status=302, headers=(("Location", "/login"),)), "redirect"),
        (Response(status=302, headers=(("Location", "https://[broken"),)), "redirect"),
        (Response(way="reset"), "wants_https_perhaps"),
        (Response(delay=60), "timeout"),
    ],
    ids=str,
)
async def test_each_kind_of_answer_has_its_sentence(response: Response | bytes, key: str) -> None:
    """What every call is answered with decides, and the path that was asked is in each sentence."""
    sentence = await verdict_on(Endpoints(every=response), timeout_seconds=0.5)
    assert sentence.key == f"failure.{key}"
    assert sentence.values["path"] == LIST


@pytest.mark.parametrize(
    ("path", "response", "try_path"),
    [
        ("/agent-api", refusal(404), ""),
        ("/agent-api", HTML, ""),
        ("/agent-api/user", refusal(404), ""),
        ("/api", Response(HTML.body, 404), ""),
        ("/brand/agent-api", refusal(404), "/brand"),
    ],
)
async def test_a_path_too_much_is_taken_off(path: str, response: Response, try_path: str) -> None:
    """The sentence says which path base_url has, and which base_url to try."""
    async with serving(lambda _: response) as url:
        (sentence,) = judge(await contact_at(f"{url}{path}"))
        assert (sentence.key, sentence.values["extra"]) == ("failure.path_too_much", path)
        assert sentence.values["try_url"] == f"{url}{try_path}"


async def test_a_path_that_serves_the_api_is_right() -> None:
    """A prefix of the platform's own is no path too much."""
    assert (await verdict_on(Endpoints(), "/brand")).key == "verdict.good"


@pytest.mark.parametrize(("expiry", "key"), [(NOW - 1, "failure.token_expired"), (NOW + 1000, "failure.token_refused")])
async def test_a_refused_token_that_has_expired_is_said_to(expiry: float, key: str) -> None:
    """Where the token says when it expired, that is the reason."""
    contact = await contact_with(Endpoints(every=refusal(401)), token=jwt(expiry))
    assert judge(contact)[0].key == key


@pytest.mark.parametrize("status", [403, 404])
async def test_a_configured_task_alone_can_be_the_wrong_one(status: int) -> None:
    """Where only a task is asked for, a refusal is about it or about user_id."""
    sentence = await verdict_on(Endpoints(every=refusal(status)), discovery=None, tasks=[{"id": USER}])
    assert (sentence.key, sentence.values["task"]) == ("failure.stat_refused", USER)


async def test_a_status_and_a_code_are_told_apart() -> None:
    """A refusal with HTTP 200 names the code, too."""
    plain = await verdict_on(Endpoints(every=refusal(401, "")))
    coded = await verdict_on(Endpoints(every=envelope([], code=401, status="error", message=None)))
    assert plain.values["status"] == Sentence("status.http", {"status": 401})
    assert coded.values["status"] == Sentence("status.code", {"status": 200, "code": "401"})


async def test_the_platforms_own_message_is_quoted() -> None:
    """What the platform says stands beside the status, without what may be private."""
    sentence = await verdict_on(Endpoints(every=refusal(403, "无权访问该用户 13800138000")))
    status = Sentence("status.http", {"status": 403})
    assert sentence.values["status"] == Sentence("status.said", {"status": status, "said": "无权访问该用户 ***"})


@pytest.mark.parametrize("key", ["all_task", "subset_task"])
async def test_a_lacking_list_of_sub_accounts_is_about_them(key: str) -> None:
    """The list of sub-accounts is left out by another setting than a generation."""
    responses: dict[str, Any] = {"all_task": page(), "subset_task": page(), key: refusal(404)}
    sentence = await verdict_on(Endpoints(**responses), discovery={"sub_accounts": True})
    assert sentence.key == "failure.sub_list_lacking"


@pytest.mark.parametrize(("endpoint", "generation"), [("tasks", "1"), ("new_tasks", "2")])
async def test_a_lacking_list_names_its_generation(endpoint: str, generation: str) -> None:
    """The generation to leave out is that of the list."""
    sentence = await verdict_on(Endpoints(**{endpoint: refusal(404)}))
    assert (sentence.key, sentence.values["generation"]) == ("failure.list_lacking", generation)


async def test_a_redirect_to_https_is_followed_in_words() -> None:
    """The address that the platform redirects to is the base_url to try."""
    sentence = await verdict_on(
        lambda request: Response(status=301, headers=(("Location", f"https://127.0.0.1{request.path}"),)), "/brand"
    )
    assert sentence.key == "failure.wants_https"
    assert sentence.values["try_url"] == "https://127.0.0.1/brand"


async def test_https_for_http_and_http_for_https() -> None:
    """An address with the wrong scheme has the other one to try; a certificate nobody knows is another matter."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    listening, port = await listen(Endpoints(), "127.0.0.1", 0, context)
    try:
        (plain,) = judge(await contact_at(f"http://127.0.0.1:{port}"))
        (strange,) = judge(await contact_at(f"https://127.0.0.1:{port}"))
    finally:
        await listening.close()
    assert (plain.key, plain.values["try_url"]) == ("failure.wants_https_perhaps", f"https://127.0.0.1:{port}")
    assert strange.key == "failure.certificate"


async def test_https_where_the_server_waits_for_more() -> None:
    """A server without TLS can take the greeting for the beginning of a request: http is to try."""
    async with serving(Endpoints()) as url:
        (sentence,) = judge(await contact_at(url.replace("http", "https"), timeout_seconds=0.3))
        assert (sentence.key, sentence.values["try_url"]) == ("failure.wants_http", url)


async def test_https_where_the_server_answers_in_plain_text() -> None:
    """A server without TLS can refuse the greeting in plain text, too."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        (sentence,) = judge(await contact_at(url))
    assert (sentence.key, sentence.values["try_url"]) == ("failure.wants_http", url.replace("https", "http"))


async def test_nobody_there() -> None:
    """An address where nothing listens is not reached, and no other is guessed."""
    (sentence,) = judge(await contact_at("http://127.0.0.1:9"))
    assert sentence.key == "failure.unreachable"
    assert "Connection refused" in str(sentence.values["why"])
