"""The demo's words: where to look, what there is to see, and what has been put into trouble."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlencode

from exporter.config.settings import Settings
from exporter.daemon import Daemon
from exporter.demo.simulator import SimulatedTask, Simulator
from exporter.demo.stack import Program, Stack, find_page
from exporter.words.demo import DEMO
from exporter.words.terminal import say

_SHOWN: Final = ("yunfu_task_info", "yunfu_task_answer_ratio{", "yunfu_task_progress_ratio", "yunfu_task_numbers")
_ALERTS: Final = {"carrier_block": ("YunfuTaskCarrierBlocked", 10), "bad_list": ("YunfuTaskLowAnswerRate", 25)}
"""What an incident fires first, and within how many minutes of the rules' time."""


async def show(
    daemon: Daemon, simulator: Simulator, simulator_url: str, settings: Settings, stack: Stack | None
) -> None:
    """Print where to look, and as soon as there is something to see, one task's lines and what is in trouble."""
    url = f"http://{settings.listen[0]}"
    _print(say(DEMO["exporter"], url=url), say(DEMO["simulator"], url=simulator_url))
    if stack is not None:
        _print(*await _describe(stack))
    _print(say(DEMO["stop"]))
    await daemon.ready.wait()
    lines = daemon.exposition().decode().splitlines()
    tasks = sum(line.startswith("yunfu_task_up{") and line.endswith(" 1") for line in lines)
    _print(say(DEMO["tasks"], tasks=tasks, interval=settings.poll.interval, speed=simulator.speed))
    task = _a_running_task(lines)
    if task is not None:
        shown = [line for line in lines if f'task="{task}"' in line and line.startswith(_SHOWN)]
        _print(say(DEMO["example"], url=url), *shown)
    struck = [each for each in simulator.accounts[0].tasks.values() if each.campaign.incident]
    for each in struck:
        _print(
            *_trouble(each, f"{url}/task?{urlencode({'account': settings.accounts[0].name, 'task': each.id})}", stack)
        )
    if task is not None and stack is not None and not struck:
        body = json.dumps({"kind": "carrier_block", "task": task})
        _print(say(DEMO["try"], command=f"curl -d '{body}' {simulator_url}/_control/incidents"))


async def _describe(stack: Stack) -> list[str]:
    """Return a line about each program of the stack, and one about its pace."""
    return [*await asyncio.gather(*map(_describe_program, stack.programs)), say(DEMO["pace"], pace=stack.pace)]


async def _describe_program(program: Program) -> str:
    if not program.path:
        return say(DEMO["not_installed"], name=program.name, install=program.install)
    page = await find_page(program)
    return say(DEMO["no_pages" if "/api/" in page else "program"], name=program.name, url=page)


def _trouble(task: SimulatedTask, page: str, stack: Stack | None) -> Iterator[str]:
    """Yield what has happened to a task, where it is seen and when."""
    kind = task.campaign.incident
    yield say(DEMO[kind], name=task.name)
    yield say(DEMO["seen"], page=page)
    if stack is not None:
        alert, minutes = _ALERTS[kind]
        yield say(DEMO["alert"], alert=alert, seconds=math.ceil(stack.shortened(60 * minutes)))


def _print(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _a_running_task(lines: Sequence[str]) -> str | None:
    """Return the id of a task that runs and has been read."""
    read = {_task_of(line) for line in lines if line.startswith("yunfu_task_answer_ratio{")}
    running = (line for line in lines if line.startswith("yunfu_task_state{") and line.endswith('state="running"} 1'))
    return next((task for task in map(_task_of, running) if task in read), None)


def _task_of(line: str) -> str:
    return line.split('task="')[1].split('"', maxsplit=1)[0]
