"""The replay of a capture: the report of a stranger's platform, again."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from exporter.contact.calls import Contact
from exporter.contact.capture import EXTRAS, make_capture
from exporter.contact.redaction import Redactor
from exporter.contact.report import report_lines
from exporter.demo.replay import Replay
from exporter.demo.simulator.server import Response
from tests.support.contact import Endpoints, contact_at, contact_with, entry2, envelope, page, refusal
from tests.support.lists import SUB_USER, entry
from tests.support.tools import documented

HTML = Response(b"<html>Login</html>", content_type="text/html")


def without_times(contact: Contact, url: str) -> str:
    """Return the report without what differs from one run to the next: ids, texts, the host, the time of each call."""
    lines = [" ".join(line.split()) for line in report_lines(contact, "en") if "task asked for" not in line]
    text = (
        re.sub(r'\d+ ms|saying "[^"]*"', "…", "\n".join(lines))
        .replace(url.partition("//")[2], "HOST")
        .replace(contact.account.user_id, "USER")
    )
    return text if contact.task is None else text.replace(contact.task.id, "TASK")


@pytest.mark.parametrize(
    "responses",
    [
        {},
        {"tasks": page(entry(1, maximumcall="a few", name="老客户"), entry(2, user_id=SUB_USER, enable=0), total=613)},
        {"stat": envelope({name: block for name, block in documented().items() if "tags" not in name})},
        {"stat": envelope({"callStatistics": {"connected": 61}})},
        {"tasks": refusal(404)},
        {"stat": refusal(403)},
        {"every": refusal(401)},
        {"every": envelope([], code=401, status="error", message="token无效")},
        {"every": HTML},
        {"every": b"pong"},
        {"every": b'{"version": 1}'},
        {"every": Response(way="reset")},
        {"new_tasks": Response(HTML.body, 502, content_type="text/html")},
        {
            "stat": Response(
                envelope(documented()), headers=(("X-RateLimit-Limit", "60"), ("X-RateLimit-Remaining", "57"))
            )
        },
    ],
    ids=lambda responses: f"{[*responses]}",
)
async def test_a_report_is_the_same_again(responses: dict[str, Any]) -> None:
    """What check --live says of a platform, it says of the capture of it."""
    platform = Endpoints(**responses)
    before, captured = await contact_with(platform), await contact_with(platform, extras=EXTRAS)
    document = make_capture([captured], Redactor(blank_numbers=False), blanks_numbers=False)
    replay = Replay(json.loads(json.dumps(document)))
    async with replay.serve() as url:
        after = await contact_at(url, user_id=json.loads(replay.accounts(url))[0]["user_id"])
    assert without_times(after, url) == without_times(before, before.account.base_url)


async def test_a_timeout_is_a_timeout_again() -> None:
    """A call that was not answered in time is not answered."""
    before = await contact_with(Endpoints(tasks=Response(delay=60)), timeout_seconds=0.3)
    replay = Replay(make_capture([before], Redactor(blank_numbers=False), blanks_numbers=False))
    async with replay.serve() as url:
        user_id = json.loads(replay.accounts(url))[0]["user_id"]
        after = await contact_at(url, timeout_seconds=0.3, user_id=user_id)
    assert [call.error and call.error.reason for call in after.calls] == ["timeout", None, None]


async def replayed() -> Replay:
    """Return the replay of a platform with two tasks, one of which is captured, and more pages than one."""
    lists = envelope([entry2(2)], meta={"last_page": 7, "total": 613})
    before = await contact_with(Endpoints(new_tasks=lists), tasks=({"id": entry(9)["uuid"]},))
    return Replay(make_capture([before], Redactor(blank_numbers=False), blanks_numbers=False))


async def test_what_was_not_captured_is_answered_by_what_is_nearest() -> None:
    """Each task has the captured statistics, further pages are empty, and other paths do not exist."""
    replay = await replayed()
    (account,) = json.loads(replay.accounts("http://h"))
    base = f"/user/{account['user_id']}/task"

    async with replay.serve() as url:
        contact = await contact_at(url, user_id=account["user_id"], discovery=None, tasks=account["tasks"])
        assert contact.stat is not None
        assert contact.stat.stats.answered == 61

        async def read(path: str) -> Any:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return int(head.split()[1]), json.loads(body)

        status, further = await read(f"/agent-api/new{base}?page=2&per_page=100")
        assert (status, further["data"], further["meta"]["total"]) == (200, [], 613)
        assert (await read("/agent-api/user/other/task"))[0] == 404


async def test_the_settings_for_it_are_those_of_the_capture() -> None:
    """Discovery and listed tasks are as they were, with any token."""
    replay = await replayed()
    (account,) = json.loads(replay.accounts("http://h"))
    assert account["discovery"] == {"generations": [1, 2], "sub_accounts": False}
    assert (account["base_url"], account["name"], account["token"]) == ("http://h", "account-1", "replayed")
    assert len(account["tasks"]) == 1


@pytest.mark.parametrize(
    "content",
    ["", "no JSON", "[]", "{}", '{"accounts": 1}', '{"accounts": [{}]}', '{"accounts": [{"calls": [{"path": "/x"}]}]}',
     '{"accounts": [{"calls": [{"path": "/x", "status": "200", "headers": []}]}]}'],
)  # fmt: skip
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    """A file that is no capture is refused before anything is served."""
    (tmp_path / "file").write_text(content)
    with pytest.raises(ValueError, match="is not a file that `yunfu-exporter capture` writes"):
        Replay.from_file(tmp_path / "file")
