"""Hours of history without waiting: simulated campaigns, read by the exporter's own code, in a real Prometheus.

``python -m tests.support.history DIR`` writes a working day and serves it, to look at rules and dashboards. The simulator,
discovery, schedule, client, store and exposition are the real ones and live in virtual time; only the network between
client and simulator is left out. What a scrape would have found each minute goes into Prometheus' blocks.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from unittest.mock import patch
from zoneinfo import ZoneInfo

from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from exporter import __version__
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, DiscoverySettings, Settings
from exporter.config.task_settings import RuleSettings
from exporter.demo.simulator import Fault, Simulator, SimulatorOptions
from exporter.demo.simulator.server import Request, Response
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.records import TaskRecord
from exporter.metrics.store import Store
from exporter.polling.account import Surroundings, open_account
from tests.support.backfill import Asked, Rule, backfill, levels, prometheus, read_rules
from tests.support.virtual_time import VirtualTimeLoop

ACCOUNTS: Final = ("main", "partner")
JOB: Final = b'instance="exporter:10042",job="yunfu"'
HALF_PAST_FOUR: Final = datetime(2025, 6, 30, 16, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Monday

_COMMENT: Final = re.compile(rb"^#.*\n", re.MULTILINE)
_PROCESS_START: Final = re.compile(rb"^(process_start_time_seconds) .*$", re.MULTILINE)
_NAME_ALONE: Final = re.compile(rb"^(\w+) ", re.MULTILINE)
_NAME_AND_LABELS: Final = re.compile(rb"^(\w+)\{(?!instance=)", re.MULTILINE)


Script = list[tuple[float, Callable[[Simulator], object]]]
"""What happens, by minutes before the end, the first first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The ids of the tasks to which something happens: in the last minutes, or hours before the end."""

    blocked: str
    paused: str
    bad_list: str
    silent: str
    vanished: str

    @classmethod
    def of(cls, simulator: Simulator) -> Cast:
        """Choose them by size, so that those with a role at the end are still busy then."""
        tasks = [task for account in simulator.accounts for task in account.tasks.values()]
        largest = sorted(tasks, key=lambda task: task.campaign.traits.size, reverse=True)
        blocked, paused, bad_list, silent, *_, smallest = (task.id for task in largest)
        return cls(blocked=blocked, paused=paused, bad_list=bad_list, silent=silent, vanished=smallest)

    def script(self) -> Script:
        """Return what happens, by minutes before the end: to these tasks, and to all in a bad half hour of the API."""

        def incident(kind: str, task: str) -> Callable[[Simulator], object]:
            return lambda simulator: simulator.incident(kind, task)

        def fault(**parts: Any) -> Callable[[Simulator], object]:
            return lambda simulator: simulator.add_fault(Fault(**parts))

        return [
            (240, incident("pause", self.paused)),
            (180, fault(kind="status", status=502, endpoint="stat", probability=0.3)),
            (170, fault(kind="throttle", endpoint="stat", seconds=20, count=3)),
            (150, Simulator.clear_faults),
            (130, incident("vanish", self.vanished)),
            (90, incident("bad_list", self.bad_list)),
            (50, incident("carrier_block", self.blocked)),
            (25, fault(kind="status", task=self.silent)),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is made up, up to ``end`` (Unix time), when it is half past four in the afternoon on the platform.

    ``step`` is seconds between two scrapes, and between two polls of a running task; ``tasks`` is how many each of the
    two accounts has. ``script`` is what happens.
    """

    end: float = HALF_PAST_FOUR.timestamp()
    hours: float = 8.0
    step: float = 60.0
    tasks: int = 6
    seed: int = 1
    script: Callable[[Cast], Script] = Cast.script

    @property
    def begin(self) -> float:
        """When it begins, Unix time."""
        return self.end - self.hours * 3600


Watch = Callable[[Sequence[TaskRecord], float], object]
"""Looks at the records of a moment (Unix seconds), as a page or a scrape does."""


def write_history(plan: History, file: Path, watch: Watch = lambda _, __: None) -> Cast:
    """Live through it and write what each scrape would have found, as OpenMetrics text; return what happened to whom."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_Life(plan).write(file, watch))


class _Life:
    """The exporter and its surroundings, in the running loop's virtual time."""

    def __init__(self, plan: History) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed)

    def clock(self) -> float:
        return self.plan.begin + asyncio.get_running_loop().time()

    async def write(self, file: Path, watch: Watch) -> Cast:
        plan, simulator = self.plan, self._simulator()
        happenings = plan.script(chosen := Cast.of(simulator))
        renderer = TaskRenderer(("team",))
        settings = self._settings(simulator)
        store = Store(renderer, self.clock, settings.poll.stale_after)
        around = Surroundings(store, ExporterMetrics(__version__, ""), self.clock, self.rng)
        around.metrics.registry.register(AccountCollector(around.store))
        around.metrics.reload_successful.set(1)
        around.metrics.reload_success_timestamp.set(plan.begin)
        page = Page(renderer, around.metrics.registry)
        async with self._polling(settings, simulator, around):
            with file.open("wb") as output:
                moment = plan.begin + plan.step
                while moment <= plan.end:
                    await asyncio.sleep(moment - self.clock())
                    while happenings and moment >= plan.end - happenings[0][0] * 60:
                        happenings.pop(0)[1](simulator)
                    watch(around.store.records(), moment)
                    lines = b"".join(page.pieces(around.store.records(), moment, openmetrics=False))
                    output.write(self._scraped(lines, moment))
                    moment += plan.step
                output.write(b"# EOF\n")
        return chosen

    def _simulator(self) -> Simulator:
        end = datetime.fromtimestamp(self.plan.end, HALF_PAST_FOUR.tzinfo)
        shift = HALF_PAST_FOUR.replace(year=end.year, month=end.month, day=end.day).timestamp() - self.plan.end
        start = self.plan.begin + shift
        options = SimulatorOptions(
            seed=self.plan.seed,
            tasks=self.plan.tasks,
            accounts=len(ACCOUNTS),
            sub_accounts=1,
            speed=1,
            start=start,
            quota=600,
            others=60,
        )
        return Simulator(options, clock=self.clock)

    def _settings(self, simulator: Simulator) -> Settings:
        discovery = DiscoverySettings(sub_accounts=True, states=("running", "waiting", "paused"))
        accounts = [
            AccountSettings(
                name=name,
                base_url="http://platform.example",
                user_id=account.user_id,
                token=account.token,
                discovery=discovery,
                rules=(RuleSettings(match=".*回访.*", labels={"team": "retention"}),),
            )
            for name, account in zip(ACCOUNTS, simulator.accounts, strict=True)
        ]
        return Settings(accounts=accounts, poll={"interval": self.plan.step})

    @asynccontextmanager
    async def _polling(self, settings: Settings, simulator: Simulator, around: Surroundings) -> AsyncIterator[None]:
        session = _DirectSession(simulator, lambda: self.rng.lognormvariate(-2.0, 0.5))
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.enter_context(patch.object(time, "perf_counter", loop.time))  # the client's stopwatch
            running = []
            for each, account in zip(settings.accounts, simulator.accounts, strict=True):
                opened = await stack.enter_async_context(open_account(settings, each, Token(account.token), around))
                opened.client._session = cast(ClientSession, session)
                running.append(loop.create_task(opened.run()))
            yield
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    def _scraped(self, page: bytes, moment: float) -> bytes:
        """Make of a page what Prometheus stores of it, its own series included, at a time."""
        lines = _COMMENT.sub(b"", page)
        lines = _PROCESS_START.sub(rb"\1 %.0f" % self.plan.begin, lines)
        samples = lines.count(b"\n")
        lines += b"up 1\nscrape_duration_seconds %.6f\n" % self.rng.lognormvariate(-5.0, 0.3)
        lines += b"scrape_samples_scraped %d\nscrape_samples_post_metric_relabeling %d\n" % (samples, samples)
        lines += b"scrape_series_added %d\n" % (samples if moment <= self.plan.begin + self.plan.step else 0)
        lines = _NAME_ALONE.sub(rb"\1{%b} " % JOB, _NAME_AND_LABELS.sub(rb"\1{%b," % JOB, lines))
        return lines.replace(b"\n", b" %.3f\n" % moment)


class _DirectSession:
    """Stands in for aiohttp's session: asks the simulator itself, which takes virtual time."""

    def __init__(self, simulator: Simulator, latency: Callable[[], float]) -> None:
        self._simulator = simulator
        self._latency = latency

    @asynccontextmanager
    async def get(self, url: URL, *, headers: Mapping[str, str], **_: object) -> AsyncIterator[_Answer]:
        lower = {name.lower(): value for name, value in headers.items()}
        response = self._simulator.answer(Request("GET", url.path, url.raw_query_string, lower))
        await asyncio.sleep(self._latency() + response.delay)
        yield _Answer(response)


class _Answer:
    """As much of aiohttp's response as the client looks at; the whole body is there."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = CIMultiDict(response.headers)
        self.content = self
        self._body = response.body

    async def readany(self) -> bytes:
        body, self._body = self._body, b""
        return body

    async def read(self, _: int) -> bytes:
        return await self.readany()

    def at_eof(self) -> bool:
        return not self._body


@dataclass(frozen=True, slots=True)
class Served:
    """A history that a Prometheus serves at ``url``."""

    url: str
    plan: History
    roles: Cast


@contextmanager
def served(
    plan: History,
    directory: Path,
    port: int | None = None,
    rules: Sequence[Rule] = (),
    watch: Watch = lambda _, __: None,
) -> Iterator[Served]:
    """Make a history, with what the rules make of it, and serve it for as long as the context lasts."""
    text, blocks, lookback = directory / "history.txt", directory / "tsdb", 1.5 * plan.step
    roles = write_history(plan, text, watch)
    backfill(text, blocks)
    for level in levels(rules):
        with prometheus(directory, lookback=lookback) as url:  # each sees only the blocks that were there when it began
            is_anything = Asked(url, plan.begin, plan.end, plan.step).record(level, text)
        if is_anything:
            backfill(text, blocks)
    text.unlink()
    with prometheus(directory, port, lookback) as url:
        yield Served(url, plan, roles)


def main() -> None:
    """Make a history and serve it until SIGINT or SIGTERM."""
    parser = ArgumentParser(
        prog="python -m tests.support.history", description="Serve simulated hours by a real Prometheus."
    )
    parser.add_argument("directory", type=Path, help="a new one, for the blocks")
    parser.add_argument("--hours", type=float, default=8.0, help="how long it is (8)")
    parser.add_argument("--step", type=float, default=60.0, help="seconds between two scrapes (60); more for many days")
    parser.add_argument(
        "--end", type=_moment, default=None, help="now, or Unix time (the last half past four in China)"
    )
    parser.add_argument("--port", type=int, default=9090, help="where Prometheus listens (9090)")
    arguments = parser.parse_args()
    plan = History(end=arguments.end or _last_half_past_four(), hours=arguments.hours, step=arguments.step)
    logging.getLogger("exporter").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    arguments.directory.mkdir(parents=True)
    with served(plan, arguments.directory, arguments.port, read_rules()) as history, suppress(KeyboardInterrupt):
        span = (datetime.fromtimestamp(moment).astimezone().isoformat() for moment in (plan.begin, plan.end))
        print(f"{history.url} has {' to '.join(span)}; stop with Ctrl-C")
        for role, task in asdict(history.roles).items():
            print(f"{role:9} {task}", flush=True)
        signal.pause()


def _moment(text: str) -> float:
    return time.time() if text == "now" else float(text)


def _last_half_past_four() -> float:
    now = datetime.now(HALF_PAST_FOUR.tzinfo)
    today = now.replace(hour=HALF_PAST_FOUR.hour, minute=HALF_PAST_FOUR.minute, second=0, microsecond=0)
    return (today if today <= now else today - timedelta(days=1)).timestamp()


if __name__ == "__main__":
    main()
