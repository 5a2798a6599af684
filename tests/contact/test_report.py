"""The report for the terminal: table, facts and verdict, in both languages."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from exporter.contact.calls import Contact
from exporter.contact.report import align, clock_difference, report_lines
from exporter.demo.simulator.server import Response
from tests.support.contact import NOW, Endpoints, contact_at, contact_with, entry2, envelope, page, refusal, task_id
from tests.support.lists import USER, entry
from tests.support.tools import documented


def stat(**headers: str) -> Response:
    """Return the documented statistics with headers."""
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(envelope(documented()), headers=pairs)


def shown(contact: Contact, language: str = "en") -> str:
    """Return the report with times of calls as in every run."""
    return "\n".join(" ".join(line.split()) for line in report_lines(contact, language))


async def test_a_platform_as_documented() -> None:
    """Each call has its row; the facts and the verdict follow."""
    headers = {
        "Date": formatdate(NOW + 30, usegmt=True),
        "X_RateLimit_Limit": "60",
        "X_RateLimit_Remaining": "57",
    }
    contact = await contact_with(Endpoints(tasks=page(entry(1, enable=0), total=613), stat=stat(**headers)))
    report = shown(contact)
    assert report.startswith(
        f"\naccount main: first contact with {contact.account.base_url}\nAPI call answer time tasks"
    )
    for line in (
        "613 6 of 6\n",
        "1 7 of 7\n",
        "– 12 of 12\n",
        f"task asked for task 2, Running, {task_id(2)}\n",
        "its numbers answered 61, not answered 6: compare them with the console\n",
        "platform's clock 30 s ahead of ours\n",
        "rate limit X-RateLimit-Limit 60, X-RateLimit-Remaining 57\n",
        "token is no JWT, so its expiry is not known\n",
        "verdict: The platform answers as documented: ",
    ):
        assert line in report
    assert "absent" not in report


async def test_the_same_in_chinese() -> None:
    """Labels, facts and verdict are Chinese."""
    report = shown(await contact_with(Endpoints()), "zh")
    for text in (
        "账号 main：首次连接",
        "1.0 任务列表 HTTP 200",
        "毫秒",
        "任务统计",
        "外呼中",
        "平台时钟",
        "结论：平台的应答与文档一致",
    ):
        assert text in report


async def test_names_of_fields_are_shown_where_some_are_lacking() -> None:
    """A line for each kind of field, with the call that they are of."""
    data = documented()
    data["hourly"] = data.pop("rounds")
    del data["answer_rate"]["noAnswer"]
    data["answer_rate"]["answered"] = "many"
    report = shown(await contact_with(Endpoints(stat=envelope(data))))
    assert "\nTask statistics: found: answer_rate.callCompletetRate, " in report
    assert "\nTask statistics: absent: answer_rate.noAnswer, rounds\n" in report
    assert "\nTask statistics: unreadable: answer_rate.answered\n" in report
    assert "\nTask statistics: unknown: hourly\n" in report
    assert "9 of 12" in report


async def test_what_failed_is_named_and_the_rest_is_said_too() -> None:
    """A failed call has its reason in the table, its sentence, and the path that was asked."""
    report = shown(await contact_with(Endpoints(tasks=refusal(404), stat=envelope({"answer_rate": {"answered": 1}}))))
    assert "\nTasks 1.0 HTTP 404 (http_404) " in report
    assert (
        f'\nalso: The platform does not give the list Tasks 1.0 (HTTP 404 saying "请求失败" for /agent-api/user/{USER}/task): leave 1 out of '
        "discovery.generations.\n" in report
    )
    assert report.splitlines()[-1].startswith(
        "verdict: The platform answers, but of the documented fields answer_rate."
    )


async def test_what_came_instead_of_the_documented_numbers_is_named() -> None:
    """Where nothing documented came, what did is what a report is about."""
    report = shown(await contact_with(Endpoints(stat=envelope({"callStatistics": {"connected": 61}, "numbers": []}))))
    assert "HTTP 200 (unknown_format)" in report
    assert "– 0 of 12\n" in report
    assert "\nTask statistics: unknown: callStatistics, numbers\n" in report


async def test_without_an_answer_only_the_token_is_known() -> None:
    """Neither clock nor rate limit is claimed of a platform that was not reached."""
    report = shown(await contact_at("http://127.0.0.1:9"))
    assert "\nTasks 1.0 – (connect) – – –\ntoken " in report
    assert f"\nverdict: No answer to /agent-api/user/{USER}/task: cannot connect to http://127.0.0.1:9" in report


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(0, "the same as ours"), (1, "the same as ours"), (90, "90 s ahead of ours"), (-3600, "3600 s behind ours")],
)
async def test_the_clocks_are_compared(ahead: int, said: str) -> None:
    """The Date header is to the second, so that a second more or less is none."""
    date = formatdate(NOW + ahead, usegmt=True)
    assert said in shown(await contact_with(Endpoints(stat=stat(Date=date))))


@pytest.mark.parametrize("date", ["", "yesterday", "99999999999"])
async def test_a_date_that_is_none_is_not_known(date: str) -> None:
    """A header that cannot be read is as good as none."""
    contact = await contact_with(Endpoints(stat=stat(Date=date)))
    assert clock_difference(contact.calls[-1]) is None
    assert "clock not known: the answers have no Date header" in shown(contact)


async def test_a_token_that_says_its_expiry() -> None:
    """The day and how far it is, or that it has passed."""
    contact = await contact_with(Endpoints())
    contact.token_expiry = NOW + 10 * 86_400 + 60
    assert "token expires 2025-12-08 03:21 UTC (in 10 d)" in shown(contact)
    contact.token_expiry = NOW - 60
    assert "token expired 2025-11-28 03:19 UTC" in shown(contact)


async def test_a_name_cannot_steer_the_terminal() -> None:
    """Control characters in a task's name, and phone numbers among unknown fields, are not printed."""
    platform = Endpoints(tasks=page(), new_tasks=page(entry2(1, name="\x1b[31mred", **{"13800138000": 1})))
    report = shown(await contact_with(platform))
    assert "?[31mred" in report
    assert "13800138000" not in report


def test_columns_are_aligned_for_chinese_too() -> None:
    """A Chinese character is two columns wide."""
    assert align([["接口", "x"], ["abc", "y"]]) == ["接口  x", "abc   y"]
