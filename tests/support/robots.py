"""Stand-ins for the group robots of DingTalk, WeCom and Feishu, and for the API of a WeCom app.

They take what the vendors document and refuse anything else as the vendors do: with HTTP 200 and an error code in the body.

- DingTalk: https://open.dingtalk.com/document/orgapp/custom-robot-access; that a request has 20,000 bytes at most is only in
  its error message.
- WeCom: https://developer.work.weixin.qq.com/document/path/99110 (robot) and …/path/90236 (app).
- Feishu: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from aiohttp import web

from tests.support.stack import serving

APP_SECRET: Final = "0123456789abcdef-app"
KEYWORDS: Final = {"zh": "云蝠", "en": "Yunfu"}
"""What a robot with that token wants in each message."""

PER_MINUTE: Final = {"dingtalk": 20, "wecom": 20, "feishu": 100, "wecom-app": 30}
NO_KEYWORD: Final = {"dingtalk": 310000, "feishu": 19024}
"""The error codes of those that look for keywords."""

COLORS: Final = {"blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple", "indigo", "grey"}  # fmt: skip
"""Templates of the header of Feishu's card."""

Body = dict[str, Any]


class RefusedError(Exception):
    """A message that the vendor would not deliver: its code, and what it says."""


@dataclass(frozen=True)
class Message:
    """A message as it is shown in a group; DingTalk and Feishu have a title."""

    robot: str
    token: str
    text: str
    title: str = ""


@dataclass
class Robots:
    """All robots. A token is any word, that of an app its company's id; each has its own rate of ``per_minute`` messages, by robot."""

    messages: list[Message] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    per_minute: dict[str, int] = field(default_factory=PER_MINUTE.copy)
    _calls: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def of(self, robot: str, token: str) -> list[Message]:
        """Return a robot's messages, in the order in which they came."""
        return [each for each in self.messages if (each.robot, each.token) == (robot, token)]

    @asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[str]:
        """Listen on HOST:PORT; gives the URL that stands for the vendors' hosts."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/robot/send", partial(self._take, "dingtalk", _dingtalk)),
                web.post("/cgi-bin/webhook/send", partial(self._take, "wecom", partial(_wecom, most=4096))),
                web.post("/open-apis/bot/v2/hook/{token}", partial(self._take, "feishu", _feishu)),
                web.get("/cgi-bin/gettoken", self._app_token),
                web.post("/cgi-bin/message/send", partial(self._take, "wecom-app", _wecom_app)),
            ]
        )
        async with serving(app, address) as url:
            yield url

    async def _take(self, robot: str, read: Callable[[bytes], tuple[str, str]], request: web.Request) -> web.Response:
        token = request.match_info.get("token") or "".join(request.query.values())
        try:
            assert request.content_type == "application/json", request.content_type
            title, text = read(await request.read())
            self._count(robot, token)
            if robot in NO_KEYWORD:
                _expect(KEYWORDS[token] in title + text, NO_KEYWORD[robot], "keywords not in content")
        except RefusedError as refused:
            self.refused.append(f"{robot} {token}: {refused}")
            code, says = refused.args
            return _answer(robot, code, says)
        self.messages.append(Message(robot, token, text, title))
        return _answer(robot, 0, "ok")

    def _count(self, robot: str, token: str) -> None:
        minute = robot, token, int(time.monotonic() // 60)
        self._calls[minute] += 1
        if self._calls[minute] > self.per_minute[robot]:
            raise RefusedError(45009, "api freq out of limit")

    async def _app_token(self, request: web.Request) -> web.Response:
        if request.query["corpsecret"] != APP_SECRET or not request.query["corpid"]:
            return _answer("wecom-app", 40001, "invalid credential")
        return web.json_response(
            {"errcode": 0, "errmsg": "ok", "access_token": request.query["corpid"], "expires_in": 7200}
        )


def _answer(robot: str, code: int, says: str) -> web.Response:
    return web.json_response({"code": code, "msg": says} if robot == "feishu" else {"errcode": code, "errmsg": says})


def _expect(holds: object, code: int, says: str) -> None:
    if not holds:
        raise RefusedError(code, says)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _dingtalk(raw: bytes) -> tuple[str, str]:
    body: Body = json.loads(raw)
    _expect(len(raw) <= 20_000, 460101, "message too long, exceed 20000 bytes")
    _expect(body.get("msgtype") == "markdown", 40035, "msgtype")
    shown = body.get("markdown", {})
    _expect(_is_text(shown.get("title")) and _is_text(shown.get("text")), 40035, "title and text are required")
    return shown["title"], shown["text"]


def _wecom(raw: bytes, most: int) -> tuple[str, str]:
    body: Body = json.loads(raw)
    _expect(body.get("msgtype") == "markdown", 40008, "invalid message type")
    text = body.get("markdown", {}).get("content")
    _expect(_is_text(text), 44004, "empty content")
    _expect(len(text.encode()) <= most, 40058, f"markdown.content exceed max length {most}")
    return "", text


def _wecom_app(raw: bytes) -> tuple[str, str]:
    body: Body = json.loads(raw)
    _expect(str(body.get("agentid", "")).isdigit(), 40056, "invalid agentid")
    _expect(any(body.get(key) for key in ("touser", "toparty", "totag")), 40031, "nobody to send to")
    return _wecom(raw, most=2048)


def _feishu(raw: bytes) -> tuple[str, str]:
    body: Body = json.loads(raw)
    _expect(len(raw) <= 20 * 1024, 9499, "Bad Request")
    _expect(body.get("msg_type") == "interactive", 9499, "msg_type")
    card = body["card"]
    title, (element,) = card["header"]["title"], card["elements"]
    _expect(title["tag"] == "plain_text" and _is_text(title["content"]), 9499, "title")
    _expect(card["header"]["template"] in COLORS, 9499, "template")
    _expect(element["tag"] == "markdown" and _is_text(element["content"]), 9499, "element")
    return title["content"], element["content"]
