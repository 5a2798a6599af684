"""A first contact with a platform on loopback that answers each endpoint as a test prepares it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from zoneinfo import ZoneInfo

from exporter.api.client import YunfuClient
from exporter.api.connections import open_session
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, DiscoverySettings
from exporter.contact.calls import Contact, ContactMaker, Extra
from exporter.demo.simulator.server import Request, Response, listen
from tests.support.gates import open_gate
from tests.support.lists import USER, Entry, entry, uuid
from tests.support.tools import documented

NOW: Final = 1_764_300_000.0
"""Unix time of every call."""

Respond = Callable[[Request], Response]


def envelope(data: object, **more: object) -> bytes:
    """Return the platform's JSON around data."""
    return json.dumps({"code": 200, "status": "success", "message": "ok", "data": data, **more}).encode()


def page(*entries: Entry, total: int | None = None) -> bytes:
    """Return the only page of a list, which claims to have ``total`` tasks."""
    claimed = len(entries) if total is None else total
    return envelope(list(entries), meta={"total": claimed, "last_page": 1, "current_page": 1, "per_page": "100"})


def entry2(number: int, *, calls: int = 1, **changes: Any) -> Entry:
    """Return a task as the 2.0 list has it; it runs if it ``calls``."""
    return entry(number, new_task_extra={"call_status": calls}, **changes)


class Endpoints:
    """Answers by endpoint: ``tasks``, ``new_tasks``, ``stat``, ``message``, ``token``; ``every`` stands for all."""

    def __init__(self, **responses: Response | bytes) -> None:
        self.asked: list[str] = []
        self._responses: dict[str, Response | bytes] = {
            "tasks": page(entry(1, enable=0)),
            "new_tasks": page(entry2(2)),
            "stat": envelope(documented()),
            "message": envelope({"balance": "1024.50"}),
            "token": envelope({"valid": True}),
            **responses,
        }

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        endpoint = request.path.rpartition("/")[2]
        name = {"task": "new_tasks" if "/new/" in request.path else "tasks"}.get(endpoint, endpoint)
        self.asked.append(name)
        response = self._responses.get("every", self._responses.get(name, b"{}"))
        return Response(response) if isinstance(response, bytes) else response


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[str]:
    """Serve on loopback for as long as the context lasts; gives the base URL."""
    listening, port = await listen(respond, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await listening.close()


async def contact_at(
    base_url: str, *, extras: Sequence[Extra] = (), token: str = "planted", timeout_seconds: float = 5, **account: Any
) -> Contact:
    """Make the first contact with whatever is at a URL."""
    settings = AccountSettings(
        **{
            "name": "main",
            "base_url": base_url,
            "user_id": USER,
            "token": token,
            "discovery": DiscoverySettings(),
            **account,
        }
    )
    async with open_session(timeout_seconds=timeout_seconds) as session:
        client = YunfuClient(
            session,
            base_url=settings.base_url,
            user_id=settings.user_id,
            token=Token(token),
            gate=open_gate(),
            observe=lambda *_: None,
        )
        contact = await ContactMaker(client, settings, ZoneInfo("Asia/Shanghai"), lambda: NOW).make(extras)
    contact.token_expiry = Token(token).expiry()
    return contact


async def contact_with(respond: Respond, **more: Any) -> Contact:
    """Make the first contact with a platform."""
    async with serving(respond) as url:
        return await contact_at(url, **more)


def refusal(status: int, message: str = "请求失败") -> Response:
    """Return a refusal in the platform's JSON."""
    body: Mapping[str, object] = {"code": status, "status": "error", "message": message, "data": []}
    return Response(json.dumps(body).encode(), status)


def task_id(number: int) -> str:
    """Return the id of the task of that number."""
    return uuid(number)
