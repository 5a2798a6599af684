"""Messages to the robots of DingTalk, WeCom and Feishu and to a WeCom app, by a real Alertmanager with the shipped receivers and templates.

The vendors' ends are stand-ins that refuse what the vendors document that they refuse (``tests.support.robots``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml

from exporter.demo.stack import accelerate
from tests.support.afternoon import PACE, PATIENCE_SECONDS, afternoon, largest
from tests.support.programs import free_address
from tests.support.robots import APP_SECRET, Message, Robots
from tests.support.stack import process_of, until
from tests.support.tools import ROOT, attempt, need

SHIPPED: Final = ROOT / "prometheus" / "alertmanager"
SECRETS: Final = "secrets/yunfu-robots"
NEWER: Final = Path.home() / ".cache" / "debian-forky" / "usr" / "bin"
LANGUAGES: Final = ("zh", "en")
ROBOTS: Final = ("dingtalk", "wecom", "feishu", "wecom-app")
PATHS: Final = {
    "dingtalk": "/robot/send?access_token={}",
    "wecom": "/cgi-bin/webhook/send?key={}",
    "feishu": "/open-apis/bot/v2/hook/{}",
}
LINKS: Final = {
    "grafana": "https://grafana.example.com",
    "runbook": "https://wiki.example.com/yunfu/runbook.md",
}

MOST_BYTES: Final = {"dingtalk": 9200, "wecom": 4000, "feishu": 9200, "wecom-app": 2000}
ADDRESSED: Final = [(robot, language) for robot in ROBOTS for language in LANGUAGES]
TO_ALL: Final = (*ADDRESSED, ("wecom", "team"))
LINE: Final = {"zh": "的呼叫被运营商拦截", "en": "results in the last 30m are carrier blocks"}
FIGURES: Final = {
    "zh": r"\n最近 30 分钟的 \d+ 个结果中，运营商拦截占 [\d.]+%",
    "en": r"\n[\d.]+% of \d+ results in the last 30m are carrier blocks",
}
SINCE: Final = {
    "zh": r"\n开始时间：\d\d-\d\d \d\d:\d\d（北京时间）\n",
    "en": r"\nSince: \d\d-\d\d \d\d:\d\d \(Beijing time\)\n",
}
OVER: Final = {"zh": "[已恢复]", "en": "[resolved]"}

Settings = dict[str, Any]


def newer(program: str) -> str:
    """Return the path of a program of Alertmanager 0.33 or newer: older ones do not know ``payload``."""
    return need(str(NEWER / program), ".ci/run")


def settings() -> Settings:
    """Return the shipped configuration."""
    parsed: Settings = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text(encoding="utf-8"))
    return parsed


def in_language(receivers: list[Settings], language: str) -> Settings:
    """Return the shipped receivers as one, in a language, each robot with a URL file of that language's."""
    text = json.dumps(receivers).replace(".zh", f".{language}").replace("ww0000000000000000", language)
    translated = json.loads(re.sub(rf"({SECRETS}/(?:dingtalk|wecom|feishu))\b(?!-)", rf"\1-{language}", text))
    kinds = ("webhook_configs", "wechat_configs")
    return {kind: [each for receiver in translated for each in receiver.get(kind, ())] for kind in kinds}


def set_robots(url: str, directory: Path) -> None:
    """Write the shipped configuration at its pace: every route to every robot in both languages, a team's to one more robot."""
    text = accelerate((SHIPPED / "alertmanager.yml").read_text(encoding="utf-8"), PACE)
    config: Settings = yaml.safe_load(text.replace("/etc/alertmanager/", f"{directory}/"))
    receivers = config["receivers"]
    both = [in_language(receivers, language) for language in LANGUAGES]
    everyone = {kind: [each for one in both for each in one[kind]] for kind in both[0]}
    for app in everyone["wechat_configs"]:
        app["api_url"] = f"{url}/cgi-bin/"
    (wecom,) = (each for each in receivers if each["name"] == "wecom")
    team = json.loads(json.dumps(wecom).replace(f"{SECRETS}/wecom", f"{SECRETS}/wecom-team"))
    config["receivers"] = [{"name": "nobody"}, {"name": "everyone", **everyone}, {**team, "name": "team"}]
    for route in config["route"]["routes"]:
        route["receiver"] = "team" if route["matchers"] == ['team="retention"'] else "everyone"
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    (directory / "yunfu.tmpl").write_bytes((SHIPPED / "yunfu.tmpl").read_bytes())
    secrets = directory / SECRETS
    secrets.mkdir(parents=True)
    for robot, path in PATHS.items():
        for token in (*LANGUAGES, "team"):
            (secrets / f"{robot}-{token}").write_text(f"{url}{path.format(token)}\n", encoding="utf-8")
    (secrets / "wecom-app").write_text(APP_SECRET, encoding="utf-8")


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


async def test_an_incident_and_its_end_reach_every_robot(tmp_path: Path) -> None:
    """A carrier blocks one task's calls: every robot says so in its language, with figures and links, and in the end that it is over."""
    robots = Robots()
    async with (
        robots.listening(free_address()) as url,
        afternoon(tmp_path, LINKS, partial(set_robots, url), partial(newer, "prometheus-alertmanager")) as stack,
    ):
        assert robots.messages == [], "a good afternoon is no reason to wake anybody"
        struck = largest(stack)
        stack.simulator.incident("carrier_block", struck.id)
        await until("every robot tells of the incident", partial(_all_say, robots, LINE), PATIENCE_SECONDS)
        stack.simulator.incident("over", struck.id)
        await until("every robot tells of its end", partial(_all_say, robots, OVER), PATIENCE_SECONDS)
    assert robots.refused == []
    for robot, token in TO_ALL:
        _check_incident(robots.of(robot, token), struck.name, struck.id, _language(token))
    for language, readme in {"en": "README.md", "zh": "README.zh-CN.md"}.items():
        shown = re.findall(r"(?:^>.*\n)+", (ROOT / readme).read_text(encoding="utf-8"), re.MULTILINE)
        assert len(shown) == 2
        assert {_shape(each) for each in shown} <= {_shape(each.text) for each in robots.of("wecom", language)}


async def _all_say(robots: Robots, words: Mapping[str, str]) -> bool:
    return all(any(words[_language(token)] in each.text for each in robots.of(robot, token)) for robot, token in TO_ALL)


def _language(token: str) -> str:
    return token if token in LANGUAGES else "zh"


def _check_incident(messages: list[Message], name: str, task: str, language: str) -> None:
    """Check what a robot showed of the incident: first that it is, then that it is over."""
    begin = next(each for each in messages if LINE[language] in each.text)
    end = messages[-1]
    folder, runbook = ("yunfu-task-zh", "runbook.zh-CN.md") if language == "zh" else ("yunfu-task", "runbook.md")
    assert name in begin.text
    assert f"https://grafana.example.com/d/{folder}?var-account=main&var-task={task}&" in begin.text
    assert f"https://wiki.example.com/yunfu/{runbook}#yunfutaskcarrierblocked)" in begin.text
    assert re.search(FIGURES[language], begin.text)
    assert re.search(SINCE[language], begin.text)
    assert OVER[language] in end.text
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
