"""Messages to the robots of DingTalk, WeCom and Feishu and to a WeCom app, by a real Alertmanager with the shipped receivers and templates.

The vendors' ends are stand-ins that refuse what the vendors document that they refuse (``tests.support.robots``).
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import yaml

from tests.support.incident import IS_OVER, SAYS_SO, TO_ALL, Incident, language_of
from tests.support.notifying import LANGUAGES, NEWER, ROBOTS, SECRETS, SHIPPED, Settings, set_robots
from tests.support.programs import free_address
from tests.support.robots import Message, Robots
from tests.support.stack import process_of, until
from tests.support.tools import ROOT, attempt, need

MOST_BYTES: Final = {"dingtalk": 9200, "wecom": 4000, "feishu": 9200, "wecom-app": 2000}
ADDRESSED: Final = [(robot, language) for robot in ROBOTS for language in LANGUAGES]
FIGURES: Final = {
    "zh": r"\n最近 30 分钟的 \d+ 个结果中，运营商拦截占 [\d.]+%",
    "en": r"\n[\d.]+% of \d+ results in the last 30m are carrier blocks",
}
SINCE: Final = {
    "zh": r"\n开始时间：\d\d-\d\d \d\d:\d\d（北京时间）\n",
    "en": r"\nSince: \d\d-\d\d \d\d:\d\d \(Beijing time\)\n",
}


def newer(program: str) -> str:
    """Return the path of a program of an Alertmanager that knows ``payload``, as 0.32 and newer do."""
    return need(str(NEWER / program), ".ci/run")


def settings() -> Settings:
    """Return the shipped configuration."""
    parsed: Settings = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text(encoding="utf-8"))
    return parsed


@dataclass
class Alone:
    """An Alertmanager that a test sends alerts to."""

    robots: Robots
    session: aiohttp.ClientSession
    url: str
    directory: Path

    async def send(self, *alerts: Settings) -> None:
        """Send alerts, as Prometheus does."""
        async with self.session.post(f"{self.url}/api/v2/alerts", json=alerts) as answer:
            assert answer.status == 200, await answer.text()

    async def failures(self) -> dict[str, float]:
        """Return how many notifications failed, by integration."""
        async with self.session.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        found = re.findall(
            r'^alertmanager_notifications_failed_total{.*?integration="(\w+)".*} (\S+)$', text, re.MULTILINE
        )
        failures: dict[str, float] = {}
        for name, value in found:
            failures[name] = failures.get(name, 0) + float(value)
        return failures


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Alone]:
    """Run Alertmanager with the robots, without Prometheus."""
    robots, address = Robots(), free_address()
    at, log = f"http://{address}", tmp_path / "alertmanager.log"
    async with robots.listening(free_address()) as url, aiohttp.ClientSession() as session:
        set_robots(url, tmp_path)
        words = [newer("prometheus-alertmanager"), f"--config.file={tmp_path / 'alertmanager.yml'}"]
        words += [f"--storage.path={tmp_path / 'data'}", f"--web.listen-address={address}", "--cluster.listen-address="]
        async with process_of(words, log, f"{at}/-/ready"):
            yield Alone(robots, session, at, tmp_path)


def alert(number: int, **annotations: str) -> Settings:
    """Return a critical alert on a task with a long name."""
    name = f"任务{number:03}" + "老客户回访" * 12
    texts = {
        "summary": f"{name} (main): the carrier blocks 45.6% of the calls",
        "summary_zh": f"{name}（main）：45.6% 的呼叫被运营商拦截",
        "description": "45.6% of 1234 results in the last 30m are carrier blocks. " * 2,
        "description_zh": "最近 30 分钟的 1234 个结果中，运营商拦截占 45.6%，此前两天为 2.1%。" * 2,
        "dashboard_url": f"https://grafana.example.com/d/yunfu-task?var-account=main&var-task={number}&from=now-6h",
        "dashboard_url_zh": f"https://grafana.example.com/d/yunfu-task-zh?var-account=main&var-task={number}&from=now-6h",
        "runbook_url": "https://wiki.example.com/yunfu/runbook.md#yunfutaskcarrierblocked",
    }
    labels = {"alertname": "YunfuTaskCarrierBlocked", "severity": "critical", "account": "main", "task": str(number)}
    return {"labels": labels, "annotations": {**texts, **annotations}}


async def each_has(robots: Robots, count: int) -> bool:
    """Tell whether each robot has as many messages in each language."""
    return all(len(robots.of(robot, language)) >= count for robot, language in ADDRESSED)


async def each_has_told(robots: Robots, *words: str) -> bool:
    """Tell whether the latest message of each robot in each language has all these words."""
    return all(
        (messages := robots.of(robot, language)) and all(word in messages[-1].text for word in words)
        for robot, language in ADDRESSED
    )


def test_the_shipped_configuration_is_accepted() -> None:
    """Amtool finds no fault in it, and its templates."""
    checked = attempt(newer("amtool"), "check-config", SHIPPED / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout
    assert "1 templates" in checked.stdout


@pytest.mark.parametrize(
    ("labels", "routes"),
    [
        (("severity=critical",), "critical"),
        (("severity=warning",), "warning"),
        (("severity=info",), "info"),
        (("severity=critical", "team=retention"), "team,critical"),
        (("severity=warning", "team=another"), "warning"),
    ],
)
def test_alerts_are_routed_by_severity_and_team(labels: tuple[str, ...], routes: str, tmp_path: Path) -> None:
    """A team's alerts go to the team and to whom their severity goes."""
    config = settings()
    for route in config["route"]["routes"]:
        (matcher,) = route["matchers"]
        route["receiver"] = "team" if "team" in matcher else matcher.split('"')[1]
        config["receivers"].append({"name": route["receiver"]})
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    routed = attempt(newer("amtool"), "config", "routes", "test", f"--config.file={path}", *labels)
    assert routed.stdout.split()[-1] == routes


def test_no_secret_is_in_the_configuration() -> None:
    """URLs and secrets are read from files, each of its own, in one folder that is no part of the repository."""
    kinds = ("webhook_configs", "wechat_configs")
    used = [each for receiver in settings()["receivers"] for kind in kinds for each in receiver.get(kind, ())]
    files = [each.get("url_file") or each["api_secret_file"] for each in used]
    assert files == [f"/etc/alertmanager/{SECRETS}/{robot}" for robot in ROBOTS]
    assert all({"url", "api_secret"}.isdisjoint(each) for each in used)
    assert "/prometheus/alertmanager/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8")


def test_all_routes_together_stay_within_a_robots_rate() -> None:
    """All alerts of a route are one group, which sends once after group_wait and then once per group_interval: 20 per minute are allowed."""
    top = settings()["route"]
    assert top["group_by"] == []
    seconds = {"m": 60, "s": 1}
    most = 0.0
    for route in (top, *top["routes"]):
        assert route.get("group_by", []) == []
        interval = route.get("group_interval", top["group_interval"])
        most += 1 + 60 / (int(interval[:-1]) * seconds[interval[-1]])
    assert math.ceil(most) == 8, "the documentation says so"


def test_the_holidays_are_those_of_the_official_notice() -> None:
    """33 days in 2026, by the State Council's notice of 4 November 2025."""
    (holidays,) = (each for each in settings()["time_intervals"] if each["name"] == "public-holidays")
    assert [f"{first:%m-%d}..{last:%m-%d}" for first, last in _spans(holidays["time_intervals"])] == [
        "01-01..01-03",
        "02-15..02-23",
        "04-04..04-06",
        "05-01..05-05",
        "06-19..06-21",
        "09-25..09-27",
        "10-01..10-07",
    ]


def _spans(intervals: list[Settings]) -> Iterator[tuple[date, date]]:
    for each in intervals:
        assert each["location"] == "Asia/Shanghai"
        (year,), (month,), (days,) = each["years"], each["months"], each["days_of_month"]
        first, _, last = days.partition(":")
        yield date(int(year), int(month), int(first)), date(int(year), int(month), int(last))


async def test_a_storm_is_one_message_that_every_robot_takes(alone: Alone) -> None:
    """Of 300 alerts the first are told in full, more by their headline, of the rest the number; none is lost, and no limit broken."""
    await alone.send(*(alert(number) for number in range(300)))
    await until("each robot has a message", partial(each_has, alone.robots, 1))
    for robot in ROBOTS:
        for language, first, more in (
            ("zh", "**云蝠外呼：300 条告警**\n", r"另有 (\d+) 条未列出：\[查看全部\]\(http"),
            ("en", "**Yunfu alerts: 300 firing**\n", r"and (\d+) more: \[All alerts\]\(http"),
        ):
            message = alone.robots.of(robot, language)[0]
            assert message.text.startswith(first)
            (unlisted,) = re.findall(more, message.text)
            listed = re.findall(r"^🔴 \*\*\[", message.text, re.MULTILINE)
            told = re.findall(r"var-task=(\d+)&", message.text)
            assert len(listed) + int(unlisted) == 300
            assert 1 <= len(told) < len(listed)
            assert len(message.text.encode()) <= MOST_BYTES[robot]
            if message.title:
                assert message.title.startswith("🔴 ")
                assert "300" in message.title
    assert alone.robots.refused == []
    assert len(alone.robots.messages) == len(ROBOTS) * len(LANGUAGES)


@pytest.mark.parametrize(
    "name",
    [
        "a: b",
        "# a",
        "- a",
        "a #b",
        "123",
        "null",
        "{{ .Nothing }}",
        '"a',
        "@all",
        "<at id=all></at>",
        "a:\nb",
        "**",
        "｛" * 300,
    ],
)
async def test_any_name_of_a_task_arrives_as_text(alone: Alone, name: str) -> None:
    """Alertmanager reads each text of a payload as YAML: whatever a campaign is called, title and text are texts, and mention nobody."""
    await alone.send(alert(1, summary=name, summary_zh=name))
    await until("each robot has a message", partial(each_has, alone.robots, 1))
    assert alone.robots.refused == []
    assert {*(await alone.failures()).values()} == {0.0}
    start = name[:3].replace("<", "＜").splitlines()[0].strip(" :")
    for message in alone.robots.messages:
        assert start in message.text
        assert "<" not in message.text + message.title


async def test_a_refusal_with_status_200_is_only_seen_for_the_app(alone: Alone) -> None:
    """Alertmanager does not read a robot's answer: what the robot drops counts as delivered. It reads the WeCom app's."""
    alone.robots.per_minute = dict.fromkeys(ROBOTS, 0)
    await alone.send(alert(1))

    async def refused() -> bool:
        return len(alone.robots.refused) >= len(ROBOTS) * len(LANGUAGES)

    await until("all robots have refused", refused)

    async def counted() -> bool:
        return (await alone.failures())["wechat"] > 0

    await until("the app's are counted", counted)
    assert alone.robots.messages == []
    assert (await alone.failures())["webhook"] == 0
    assert "api freq out of limit" in (alone.directory / "alertmanager.log").read_text(encoding="utf-8")


async def test_new_alerts_come_first_and_resolved_ones_last(alone: Alone) -> None:
    """One message has all: what began ten minutes ago or later, what is older, what is over and how long it took."""
    now = datetime.now(UTC)
    old, new = (alert(number) | {"startsAt": (now - timedelta(minutes=20 * number)).isoformat()} for number in (1, 0))
    await alone.send(old, new)  # the old one is sent at once, maybe before the new one is there
    await until("each robot has both", partial(each_has_told, alone.robots, "任务000", "任务001"))
    told = {to: len(alone.robots.of(*to)) for to in ADDRESSED}
    await alone.send(old | {"endsAt": (now - timedelta(minutes=5)).isoformat()}, new)
    await until("each robot has the end of one", partial(each_has_told, alone.robots, "✅"))
    for robot in ROBOTS:
        for language, counts, over, minutes in (
            ("zh", "**云蝠外呼：1 条告警，已恢复 1 条**\n", "✅ **[已恢复] 任务001", "（北京时间），持续 15 分钟"),
            (
                "en",
                "**Yunfu alerts: 1 firing, 1 resolved**\n",
                "✅ **[resolved] 任务001",
                " (Beijing time), 15 min",
            ),
        ):
            number = told[robot, language]
            first, second = (each.text for each in alone.robots.of(robot, language)[number - 1 : number + 1])
            assert 0 < first.index("任务000") < first.index("任务001")
            assert second.startswith(counts)
            assert 0 < second.index("任务000") < second.index(over)
            assert second.endswith(minutes)
    titles = {each.title for each in alone.robots.messages}
    assert titles >= {"🔴 云蝠外呼 · 1 条告警 · 已恢复 1 条", "🔴 Yunfu · 1 firing · 1 resolved"}
    assert alone.robots.refused == []


@pytest.fixture(scope="module")
def told(incident: Incident) -> Incident:
    """Give the incident, of which the robots were told."""
    incident.need("robots")
    return incident


@pytest.mark.parametrize(("robot", "token"), TO_ALL)
def test_an_incident_and_its_end_reach_every_robot(told: Incident, robot: str, token: str) -> None:
    """A carrier blocks one task's calls: every robot says so in its language, with figures and links, and in the end that it is over."""
    _check_incident(told.robots.of(robot, token), told.name, told.task, language_of(token))


def test_no_robot_refuses_a_message_of_an_incident(told: Incident) -> None:
    """Whatever is sent of an incident is within what the vendors document."""
    assert told.robots.messages
    assert told.robots.refused == []


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_a_readme_shows_the_messages_of_an_incident(told: Incident, readme: str, language: str) -> None:
    """The two messages in it are those that came, but for the numbers."""
    shown = re.findall(r"(?:^>.*\n)+", (ROOT / readme).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) == 2
    assert {_shape(each) for each in shown} <= {_shape(each.text) for each in told.robots.of("wecom", language)}


def _check_incident(messages: list[Message], name: str, task: str, language: str) -> None:
    """Check what a robot showed of the incident: first that it is, then that it is over."""
    begin = next(each for each in messages if SAYS_SO[language] in each.text)
    end = messages[-1]
    folder, runbook = ("yunfu-task-zh", "runbook.zh-CN.md") if language == "zh" else ("yunfu-task", "runbook.md")
    assert name in begin.text
    assert f"https://grafana.example.com/d/{folder}?var-account=main&var-task={task}&" in begin.text
    assert f"https://wiki.example.com/yunfu/{runbook}#yunfutaskcarrierblocked)" in begin.text
    assert re.search(FIGURES[language], begin.text)
    assert re.search(SINCE[language], begin.text)
    assert IS_OVER[language] in end.text
    assert name in end.text
    assert "http" not in end.text
    if begin.title:
        assert begin.title.startswith(f"🔴 {name}")
        assert end.title.startswith("✅ ")


def _shape(text: str) -> str:
    """Return a message without what differs from run to run: numbers, addresses, and what the share is compared with."""
    text = re.sub(r"^> ?|\\$", "", text.rstrip(), flags=re.MULTILINE)
    text = re.sub(r"\[([^]\[]+)\]\(http[^)]*\)", r"[\1]", text)
    text = re.sub(r"，(此前两天为|该账号的其他任务为) [\d.]+%。|，暂无可比较的数据。", "，…。", text)
    text = re.sub(
        r", [\d.]+% in the (2 days before|account's other tasks)\.|; there is nothing to compare with yet\.",
        ", ….",
        text,
    )
    return re.sub(r"\d+(\.\d+)?", "0", text)
