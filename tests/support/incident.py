"""An incident on the platform and its end: a carrier blocks one task's calls, and who is told of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from exporter.demo.stack import Program
from tests.support.afternoon import Watch, afternoon, largest
from tests.support.notifying import LANGUAGES, NEWER, ROBOTS, OnCall, set_on_call, set_robots
from tests.support.programs import free_address
from tests.support.robots import Robots
from tests.support.stack import Stack, until
from tests.support.tools import need

PATIENCE_SECONDS: Final = 120.0
CAUSE: Final = "YunfuTaskCarrierBlocked"
EFFECT: Final = "YunfuTaskLowAnswerRate"
LINKS: Final = {"grafana": "https://grafana.example.com", "runbook": "https://wiki.example.com/yunfu/runbook.md"}
RULERS: Final = ("prometheus", "vmalert")
TO_ALL: Final = (*((robot, language) for robot in ROBOTS for language in LANGUAGES), ("wecom", "team"))
"""The robots that hear of the struck task, and their tokens."""

SAYS_SO: Final = {"zh": "的呼叫被运营商拦截", "en": "results in the last 30m are carrier blocks"}
IS_OVER: Final = {"zh": "[已恢复]", "en": "[resolved]"}


def language_of(token: str) -> str:
    """Return the language in which a robot with that token is spoken to."""
    return token if token in LANGUAGES else "zh"


@dataclass
class Incident:
    """The struck task, and all that was said of it until it was over."""

    name: str = ""
    task: str = ""
    on_call: dict[str, OnCall] = field(default_factory=lambda: {ruler: OnCall() for ruler in RULERS})
    """A person on call, by what evaluates the rules."""

    fired: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """The names and tasks of all alerts that fired, by what evaluates the rules."""

    robots: Robots = field(default_factory=Robots)
    missing: dict[str, list[Program]] = field(default_factory=dict)
    """What is not installed, by the name of the watch: nobody is told by that."""

    def need(self, watch: str) -> None:
        """Skip the test if the programs of a watch are not installed; fail in CI."""
        for program in self.missing[watch]:
            need(program.words[0], program.install)

    async def happen(self, directory: Path) -> None:
        """Let it happen, watched by all that is installed. Raises AssertionError where something does not come in time."""
        async with AsyncExitStack() as stack:
            watches = await self._watches(stack)
            self.missing = {watch.name: watch.missing for watch in watches}
            watches = [watch for watch in watches if not watch.missing]
            stacks = await stack.enter_async_context(afternoon(directory, LINKS, watches))
            assert not self._is_told, "a good afternoon is no reason to wake anybody"
            struck = largest(stacks[0])
            self.name, self.task, simulator = struck.name, struck.id, stacks[0].simulator
            seen = {watch.name: stack for watch, stack in zip(watches, stacks, strict=True)}
            simulator.incident("carrier_block", self.task)
            await asyncio.gather(*(self._begins(name, stack) for name, stack in seen.items()))
            simulator.incident("over", self.task)
            await asyncio.gather(*(self._ends(name, stack) for name, stack in seen.items()))

    @property
    def _is_told(self) -> bool:
        return bool(self.robots.messages) or any(person.messages for person in self.on_call.values())

    async def _watches(self, stack: AsyncExitStack) -> list[Watch]:
        """Return the watches, to whose messages is listened for as long as the stack lasts."""
        watches = []
        for ruler, person in self.on_call.items():
            url = await stack.enter_async_context(person.listening(free_address()))
            watches.append(Watch(ruler, partial(set_on_call, url), is_victoria=ruler == "vmalert"))
        url = await stack.enter_async_context(self.robots.listening(free_address()))
        watches.append(Watch("robots", partial(set_robots, url), alertmanager=NEWER / "prometheus-alertmanager"))
        return watches

    async def _begins(self, watch: str, stack: Stack) -> None:
        if watch == "robots":
            await until("every robot tells of the incident", partial(self._all_say, SAYS_SO), PATIENCE_SECONDS)
            return
        heard = partial(self.on_call[watch].has_heard, "firing", CAUSE, self.task)
        await until(f"the receiver of {watch} has the alert", heard, PATIENCE_SECONDS)
        await until(f"the low answer rate of {watch} names its cause", partial(_says_why, stack), PATIENCE_SECONDS)

    async def _ends(self, watch: str, stack: Stack) -> None:
        if watch == "robots":
            await until("every robot tells of its end", partial(self._all_say, IS_OVER), PATIENCE_SECONDS)
            return
        heard = partial(self.on_call[watch].has_heard, "resolved", CAUSE, self.task)
        await until(f"the receiver of {watch} has its end", heard, PATIENCE_SECONDS)
        series = await stack.query('max_over_time(ALERTS{alertstate="firing"}[1h])')
        self.fired[watch] = {(each["metric"]["alertname"], each["metric"].get("task", "")) for each in series}

    async def _all_say(self, words: dict[str, str]) -> bool:
        return all(
            any(words[language_of(token)] in each.text for each in self.robots.of(robot, token))
            for robot, token in TO_ALL
        )


async def _says_why(stack: Stack) -> bool:
    """Tell whether the low answer rate's alert fires with the carrier as its cause."""
    async with stack.session.get(f"http://{stack.prometheus}/api/v1/alerts") as answer:
        alerts = (await answer.json())["data"]["alerts"]
    low = [each for each in alerts if each["labels"]["alertname"] == EFFECT and each["state"] == "firing"]
    return any(each["annotations"]["cause"].startswith("The line: the carrier blocks") for each in low)
