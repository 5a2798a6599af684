"""The replay of a capture: the platform's answers as ``capture`` wrote them, served again.

The format is that of ``exporter.contact.capture``. Any token will do. What was not captured is answered by what is nearest: further pages of a list are
empty, and each task has the statistics of the one that was asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from exporter.demo.simulator.documents import envelope
from exporter.demo.simulator.server import Request, Response, http_date, listen

_NEVER_SECONDS: Final = 3600.0
_MOST_BYTES: Final = 9 * 1024 * 1024
_PAGE: Final = b"<html><body></body></html>"


class Replay:
    """Answers requests as a captured platform did. Raises ValueError for what is no capture."""

    def __init__(self, document: object) -> None:
        try:
            assert isinstance(document, dict)  # noqa: S101  # caught below, as whatever else is not as it should be
            self._accounts: list[Mapping[str, Any]] = document["accounts"]
            calls = [call for account in self._accounts for call in account["calls"]]
            self._calls: dict[str, Mapping[str, Any]] = {call["path"]: call for call in calls}
            for call in calls:
                _respond(call, is_further_page=False)
        except (AssertionError, KeyError, TypeError, ValueError, AttributeError):
            raise ValueError("is not a file that `yunfu-exporter capture` writes") from None

    @classmethod
    def from_file(cls, path: Path) -> Replay:
        """Read a capture. Raises OSError, or ValueError for what is no capture."""
        try:
            document = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            document = None
        return cls(document)

    def answer(self, request: Request) -> Response:
        """Answer a request."""
        call = self._calls.get(request.path) or self._calls.get(self._asked_stat(request.path))
        if call is None:
            return Response(envelope(None, code=404, message="接口不存在"), 404)
        page = dict(request.parameters()).get("page", "1") if request.query else "1"
        return _respond(call, is_further_page=page != "1")

    def _asked_stat(self, path: str) -> str:
        """Return the path of the statistics that were captured of the account in a path of statistics."""
        prefix, _, rest = path.partition("/task/")
        captured = (known for known in self._calls if known.startswith(f"{prefix}/task/"))
        return next(captured, "") if rest.endswith("/stat") else ""

    def accounts(self, url: str) -> str:
        """Return the setting ``accounts`` for an exporter of this platform, as JSON."""
        return json.dumps([_settings(account, url) for account in self._accounts])

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve for as long as the context lasts; gives the base URL. Raises OSError if the port is taken."""
        listening, bound = await listen(self.answer, host, port)
        try:
            yield f"http://{host}:{bound}"
        finally:
            await listening.close()


def _settings(account: Mapping[str, Any], url: str) -> dict[str, object]:
    settings = {"name": account["name"], "base_url": url, "user_id": account["user_id"], "token": "replayed"}
    if account["generations"]:
        settings["discovery"] = {"generations": account["generations"], "sub_accounts": account["sub_accounts"]}
    return settings | {"tasks": [{"id": task} for task in account["tasks"]]}


def _respond(call: Mapping[str, Any], *, is_further_page: bool) -> Response:
    """Return the answer of a captured call."""
    if call["status"] is None:
        is_timeout = call["failure"] == "timeout"
        return Response(delay=_NEVER_SECONDS) if is_timeout else Response(way="reset")
    headers = dict(call["headers"])
    media_type = str(headers.pop("Content-Type", "application/octet-stream"))
    if (difference := call["clock_difference_seconds"]) is not None:
        headers["Date"] = http_date(time.time() + difference)
    if "json" in call:
        document = call["json"]
        if is_further_page and isinstance(document, dict):
            document = document | {"data": []}
        body = json.dumps(document).encode()
    else:
        size = min(int(call["not_json"]["bytes"]), _MOST_BYTES)
        body = (_PAGE if call["not_json"]["is_page"] else b"not JSON").ljust(size)[:size]
    return Response(body, int(call["status"]), tuple((name, str(value)) for name, value in headers.items()), media_type)
