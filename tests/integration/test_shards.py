"""Shards as real processes under a real Prometheus: scaled up, they go on looking like one exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from exporter.demo.simulator import SimulatorOptions
from tests.support.programs import Platform, answers, eventually, fetch, free_address, running, simulated, write_config
from tests.support.stack import scraping

TASKS: Final = 300
TOTALS: Final = (1, 2, 3, 7)
POLL: Final = {"interval": "1s", "idle_interval": "1s", "timeout": "5s", "stale_after": "1m"}
DISCOVERY: Final = {"states": ["running", "waiting", "paused"]}
MOST_OFTEN: Final = """
max(count without (instance) (label_replace({__name__=~"yunfu_task_.+"}, "name", "$1", "__name__", "(.+)")))
"""
"""How often the series is there that is there most often, whichever exporter it comes from."""


@dataclass
class StatefulSet:
    """Exporters with one configuration file, each with its place among them, and a Prometheus that looks for all there may be."""

    directory: Path
    platform: Platform
    stack: ExitStack
    pods: Sequence[str]
    prometheus: str
    running: list[str] = field(default_factory=list)

    def scale(self, total: int) -> None:
        """Tell those that run that they are so many now, start the others, and wait until Prometheus sees the new order."""
        account = self.platform.account(rate_limit=500, tasks=[], discovery=DISCOVERY)
        shard = {"ordinal": "auto", "total": total}
        config = write_config(self.directory / "yunfu.yaml", account, shard=shard, poll=POLL)
        for address in self.running:
            assert fetch(f"http://{address}/-/reload", "POST").status == 200
        for ordinal, address in enumerate(self.pods[len(self.running) : total], len(self.running)):
            words = ("serve", "--config", str(config), "--listen", address)
            self.stack.enter_context(running(self.directory, *words, env={"POD_INDEX": str(ordinal)}))
            self.running.append(address)
        for address in self.running:
            eventually(answers(f"http://{address}/readyz"))
        eventually(lambda: len({*self.owners().values()}) == total)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the samples that answer an instant query."""
        reply = fetch(f"http://{self.prometheus}/api/v1/query?{urlencode({'query': query})}")
        samples: list[dict[str, Any]] = json.loads(reply.body)["data"]["result"]
        return samples

    def owners(self) -> dict[str, str]:
        """Return which exporter shows each task; nothing while one is shown twice or not at all."""
        shown = [each["metric"] for each in self.ask("yunfu_task_up")]
        by_task = {each["task"]: each["instance"] for each in shown}
        return by_task if len(by_task) == len(shown) == TASKS else {}


@contextmanager
def stateful_set(directory: Path) -> Iterator[StatefulSet]:
    """Serve a platform with tasks that stand still, and Prometheus; no exporter runs yet."""
    (directory / "prometheus").mkdir()
    pods = [free_address() for _ in range(max(TOTALS))]
    with (
        simulated(SimulatorOptions(tasks=TASKS, speed=0, history=False)) as platform,
        scraping(directory / "prometheus", *pods) as prometheus,
        ExitStack() as stack,
    ):
        eventually(answers(f"http://{prometheus}/-/ready"))
        yield StatefulSet(directory, platform, stack, pods, prometheus)


def test_prometheus_sees_each_series_once_however_many_shards_there_are(tmp_path: Path) -> None:
    """From 1 shard to 2, 3 and 7: no series is there twice, and what moves is the new shards' part of the tasks, to them."""
    with stateful_set(tmp_path) as shards:
        for old, new in zip((0, *TOTALS), TOTALS, strict=False):
            before = shards.owners()
            shards.scale(new)
            assert [each["value"][1] for each in shards.ask(MOST_OFTEN)] == ["1"]
            after = shards.owners()
            moved = [task for task, pod in before.items() if after[task] != pod]
            assert {after[task] for task in moved} <= {*shards.pods[old:new]}
            if old:
                assert 0.7 < len(moved) / (TASKS * (1 - old / new)) < 1.3
