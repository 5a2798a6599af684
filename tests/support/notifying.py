"""The shipped configuration of Alertmanager, set up for the stand-ins of the robots, or for a person on call."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web

from exporter.demo.stack import accelerate
from tests.support.afternoon import PACE
from tests.support.robots import APP_SECRET
from tests.support.stack import serving
from tests.support.tools import ROOT

SHIPPED: Final = ROOT / "prometheus" / "alertmanager"
SECRETS: Final = "secrets/yunfu-robots"
NEWER: Final = Path.home() / ".cache" / "debian-forky" / "usr" / "bin"
"""Where .ci/run puts an Alertmanager that knows ``payload``, as 0.32 and newer do."""

LANGUAGES: Final = ("zh", "en")
ROBOTS: Final = ("dingtalk", "wecom", "feishu", "wecom-app")
PATHS: Final = {
    "dingtalk": "/robot/send?access_token={}",
    "wecom": "/cgi-bin/webhook/send?key={}",
    "feishu": "/open-apis/bot/v2/hook/{}",
}

Settings = dict[str, Any]
Alert = dict[str, Any]


@dataclass
class OnCall:
    """Receives Alertmanager's messages, as the person on call would."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def alerts(self) -> list[Alert]:
        """All alerts of all messages, in the order in which they came."""
        return [alert for message in self.messages for alert in message["alerts"]]

    async def has_heard(self, status: str, name: str, task: str) -> bool:
        """Tell whether a message said so."""
        return any(
            (alert["status"], alert["labels"]["alertname"], alert["labels"].get("task")) == (status, name, task)
            for alert in self.alerts
        )

    async def receive(self, request: web.Request) -> web.Response:
        """Take a message."""
        self.messages.append(await request.json())
        return web.Response()

    @asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[str]:
        """Listen for messages; gives the URL to send them to."""
        app = web.Application()
        app.add_routes([web.post("/", self.receive)])
        async with serving(app, address) as url:
            yield f"{url}/"


def set_on_call(url: str, directory: Path) -> None:
    """Fill in the receivers of the configuration that is there: all of them are one person."""
    config = directory / "alertmanager.yml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    for receiver in settings["receivers"]:
        receiver["webhook_configs"] = [{"url": url}]
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")


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
