"""The capture: what is in the document, and that nobody's data is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from exporter.contact.capture import EXTRAS, make_capture
from exporter.contact.redaction import Redactor
from exporter.demo.simulator.server import Response
from tests.support.contact import Endpoints, contact_at, contact_with, entry2, envelope, page, refusal
from tests.support.lists import SUB_USER, USER, entry
from tests.support.tools import documented

TOKEN = "pl4nted-t0ken"
PHONE, NAME, EMAIL, HOST, NUMBER = (
    "13800138000",
    "张三丰",
    "zhang@mail.planted.example",
    "api.planted.example",
    4_815_162_342,
)
ID = "5e7a90c4-2d18-4f63-b9e5-0c8d3f1a7264"
SECRETS = (TOKEN, PHONE, NAME, EMAIL, HOST, str(NUMBER), ID, USER, SUB_USER)
PEOPLE = {
    "phone": PHONE,
    "contact": {NAME: {PHONE: [EMAIL, ID, int(PHONE)], EMAIL: HOST, HOST: ID, ID: NAME, str(NUMBER): TOKEN}},
    TOKEN: f"{NAME} {PHONE} {EMAIL}",
    "remark": f"https://{HOST}/?token={TOKEN}",
    "id": NUMBER,
    "balance": int(PHONE),
    "user_id": SUB_USER,
    "ids": [ID, NAME, NUMBER, str(NUMBER), f"+86 {PHONE}"],
}
HEADERS = (
    ("Server", HOST),
    ("Set-Cookie", f"session={TOKEN}"),
    ("Date", PHONE),
    ("Retry-After", PHONE),
    ("X-RateLimit-Limit", PHONE),
    ("X-RateLimit-Remaining", TOKEN),
    ("X-RateLimit-Reset", PHONE),
    ("Location", f"https://{HOST}/{TOKEN}"),
    ("X-Request-Id", ID),
    (NAME.encode().hex(), EMAIL),
)


def leaks(text: str) -> list[str]:
    """Return the planted secrets that a text holds, in any case and however JSON writes them."""
    shown = text.lower()
    return [secret for secret in SECRETS if secret.lower() in shown or json.dumps(secret)[1:-1].lower() in shown]


async def captured(respond: Any, **more: Any) -> tuple[Any, str]:
    """Return the document of a platform, and its text."""
    contact = await contact_with(respond, extras=EXTRAS, token=TOKEN, **more)
    document = make_capture([contact], Redactor(blank_numbers=False), blanks_numbers=False)
    return document, json.dumps(document, ensure_ascii=False, allow_nan=False)


def test_the_search_finds_what_it_is_for() -> None:
    """Each secret is found where it stands, and in other letters."""
    for secret in SECRETS:
        assert leaks(f"x{secret.upper()}x") != []
    assert leaks("name-1") == []


@pytest.mark.parametrize(
    "response",
    [
        envelope(PEOPLE),
        envelope([PEOPLE], meta={"last_page": 1, "total": 1, "path": f"https://{HOST}", NAME: PHONE}),
        envelope(documented() | PEOPLE, message=f"{NAME} {PHONE}", **{TOKEN: 1, EMAIL: {HOST: 1}}),
        envelope(
            {
                "intention": [{"name": f"A级({NAME})", "total": int(PHONE), "percent": PHONE}, {"name": NAME}],
                "number_status": [{"status": PHONE, "count": PHONE, "status_str": NAME}],
                "rounds": {PHONE: int(PHONE), NAME: 1},
                "tags": [{"name": NAME, "count": PHONE, "tag": {"name": EMAIL}}],
            }
        ),
        envelope([], code=PHONE, status=NAME, message=TOKEN),
        json.dumps([PHONE, NAME, [TOKEN, {NAME: HOST}]]).encode(),
        json.dumps(f"{PHONE} {TOKEN}").encode(),
        f"<html><title>{NAME}</title>{PHONE} {TOKEN} {HOST}</html>".encode(),
        f"{NAME} {PHONE} {TOKEN}".encode(),
        b"\xff\xfe" + TOKEN.encode(),
        b'{"data": "' + PHONE.encode(),
    ],
    ids=lambda body: body[:30],
)
@pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 502])
async def test_nothing_that_was_planted_is_in_it(response: bytes, status: int) -> None:
    """People's data and secrets in keys, values, messages, pages and headers of any answer are gone."""
    media_type = f"text/html; charset={TOKEN}"
    answer = Response(response, status, HEADERS, content_type=media_type)
    document, text = await captured(Endpoints(every=answer), tasks=({"id": ID, "name": NAME, "sub_user_id": SUB_USER},))
    assert document["accounts"][0]["calls"][0]["status"] == status
    assert leaks(text) == []


async def test_one_planted_call_among_good_ones() -> None:
    """Where the lists are good, their entries, the statistics and the two extra answers are clean, too."""
    people = {PHONE: TOKEN, "remark": EMAIL}
    lists = page(entry(1) | PEOPLE), page(entry2(2, name=NAME) | people)
    platform = Endpoints(
        tasks=lists[0],
        new_tasks=lists[1],
        stat=envelope(documented() | PEOPLE),
        message=envelope(PEOPLE),
        token=envelope(PEOPLE),
    )
    document, text = await captured(platform)
    assert [call["endpoint"] for call in document["accounts"][0]["calls"]] == [
        "tasks",
        "new_tasks",
        "stat",
        "message",
        "token",
    ]
    assert leaks(text) == []


async def test_the_address_is_gone() -> None:
    """Neither host nor path of base_url is in it, also where nothing answers."""
    contact = await contact_at("http://127.0.0.1:9/pl4nted-t0ken", token=TOKEN)
    text = json.dumps(make_capture([contact], Redactor(blank_numbers=False), blanks_numbers=False))
    assert "127.0.0.1" not in text
    assert leaks(text) == []
    (call,) = json.loads(text)["accounts"][0]["calls"]
    assert (call["status"], call["failure"]) == (None, "connect")


async def test_what_a_report_is_for_is_in_it() -> None:
    """Paths and ids fit together, documented numbers and headers are there, and so is the name of the balance."""
    headers = (("X-RateLimit-Limit", "60"), ("X-RateLimit-Remaining", "57"), ("X-Other", "7"))
    document, _ = await captured(Endpoints(stat=Response(envelope(documented()), headers=headers)))
    account = document["accounts"][0]
    tasks, _, stat, message, token = account["calls"]
    assert re.fullmatch(r"/agent-api/user/[0-9a-f-]{36}/task", tasks["path"])
    assert tasks["path"].split("/")[3] == account["user_id"] == tasks["json"]["data"][0]["user_id"]
    assert tasks["query"] == {"page": "1", "per_page": "100"}
    assert stat["json"]["data"]["answer_rate"] == documented()["answer_rate"]
    assert stat["headers"] == {
        "Content-Type": "application/json",
        "X-RateLimit-Limit": "60",
        "X-RateLimit-Remaining": "57",
    }
    assert message["json"]["data"] == {"balance": "1024.50"}
    assert token["path"] == "/agent-api/token"
    assert account["generations"] == [1, 2]


async def test_failed_calls_are_in_it() -> None:
    """A refusal has its status and reason, a page its kind and size, and how long to wait."""
    wait = Response(b"<html>busy</html>", 503, (("Retry-After", "7"),), content_type="text/html")
    document, _ = await captured(Endpoints(tasks=refusal(404), new_tasks=wait), discovery={})
    first, second = document["accounts"][0]["calls"][:2]
    assert (first["status"], first["failure"], first["json"]["code"]) == (404, "http_404", 404)
    assert second["not_json"] == {"bytes": 17, "is_page": True}
    assert second["headers"] == {"Content-Type": "text/html", "Retry-After": "7"}


async def test_what_the_client_reads_as_json_is_json_in_it() -> None:
    """A body with two byte order marks, which the client reads, is in the document as what it says."""
    respond = Endpoints(tasks=Response(2 * b"\xef\xbb\xbf" + page(entry(1))))
    document, _ = await captured(respond)
    assert document["accounts"][0]["calls"][0]["json"]["code"] == 200


async def test_several_accounts_share_one_redaction() -> None:
    """The same person in two accounts is the same in the file."""
    platform = Endpoints(tasks=page(entry(1, name=NAME)))
    contacts = [await contact_with(platform), await contact_with(platform, name="other")]
    document: Any = make_capture(contacts, Redactor(blank_numbers=False), blanks_numbers=False)
    one, two = document["accounts"]
    assert one["calls"][0]["json"] == two["calls"][0]["json"]
    assert (one["name"], two["name"]) == ("account-1", "account-2")
