"""How long a real Prometheus takes for the overview: until its first screen is there, and for each part of it.

Run: python -m benchmarks.dashboards [TASKS] [FOLDER]

Made-up series of TASKS tasks, a sample a minute for six and a half hours, go into a Prometheus, those that the shipped
rules record among them. It is asked what Grafana asks for the default time range and window: the variables one after the
other, then the panels of the first screen at once over a browser's few connections; at last each panel and each closed
section alone. Each line has the time that it takes and the time of a core that Prometheus spends. With FOLDER the series
stay there for another run.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from exporter.words.labels import STATUSES
from tests.support.backfill import Asked, backfill, prometheus
from tests.support.dashboards import PATHS, Dashboard, load
from tests.support.programs import fetch

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
STEP, HOURS = 60, 6.5
END: Final = 1_749_999_600
"""In the middle of a block of two hours: a Prometheus that runs has the last hour in one place, its head, too."""
TIMES: Final = range(int(END - HOURS * 3600), END + 1, STEP)
RANGE_SECONDS, MOST_POINTS = 6 * 3600, 1000
WINDOW: Final = "30m"
CONNECTIONS: Final = 6
"""That a browser opens to one host."""


def main() -> None:
    """Make the series, ask and report."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as spare:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(spare)
        if not (folder / "tsdb").exists():
            folder.mkdir(exist_ok=True)
            text = folder / "series.txt"
            with text.open("w", encoding="utf-8") as file:
                file.writelines(lines())
                file.write("# EOF\n")
            backfill(text, folder / "tsdb")
            text.unlink()
        with prometheus(folder) as url:
            report(load(next(path for path in PATHS if path.match("en/overview.json"))), url)


def lines() -> Iterator[str]:
    """Yield the samples, one series after the other."""
    rng = random.Random(1)
    yield from constant("yunfu_exporter_build_info", 'version="0"', 1)
    for account, team in (("main", "loans"), ("partner", "care")):
        yield from constant("yunfu_account_up", f'account="{account}"', 1)
        of = f'account="{account}",team="{team}"'
        for outcome in ("answered", "unanswered"):
            yield from constant("yunfu:team_calls:increase10m", f'{of},outcome="{outcome}"', 20)
        for status in STATUSES:
            yield from constant("yunfu:team_results:increase10m", f'{of},status="{status}"', 20)
    for number in range(TASKS):
        pairs = f'account="{"main" if number % 2 else "partner"}",task="{UUID(int=rng.getrandbits(128))}"'
        where = f'{pairs},instance="exporter:10042",job="yunfu"'
        info = f'{where},name="Campaign {number}",team="{("loans", "care")[number % 2]}",kind="outbound",generation="2",sub_account=""'
        state = "running" if number % 10 < 6 else "paused" if number % 10 < 8 else "waiting"
        yield from constant("yunfu_task_info", info, 1)
        yield from constant("yunfu:task:info", f'{info},window=""', 1)
        for each in ("running", "waiting", "paused", "unknown"):
            yield from constant("yunfu_task_state", f'{where},state="{each}"', int(each == state))
        for name, value in {"answer_ratio_threshold": 0.2, "poll_interval_seconds": 60, "up": 1}.items():
            yield from constant(f"yunfu_task_{name}", where, value)
        yield from growing("yunfu_task_last_success_timestamp_seconds", where, TIMES[0] - 20, lambda: STEP)
        yield from growing("yunfu_task_progress_ratio", where, 0, lambda: 0.002)
        counts = [("yunfu_task_calls_total", "outcome", each) for each in ("answered", "unanswered")]
        counts += [("yunfu_task_number_results_total", "status", each) for each in STATUSES]
        counts += [("yunfu_task_intention_calls", "intention", each) for each in "ABCDEF"]
        for name, label, each in counts:
            yield from growing(name, f'{where},{label}="{each}"', 0, rng.random if state == "running" else lambda: 0)
        yield from constant("yunfu:task:polled", pairs, 1)
        for name, value in {"calls": 30, "answered_calls": 15}.items():
            yield from varying(
                f"yunfu:task_{name}:increase", f'{pairs},window="{WINDOW}"', value * (state == "running")
            )
        if number % 100 == 0:
            alert = 'alertname="YunfuTaskLowAnswerRate",alertstate="firing",severity="critical"'
            yield from constant("ALERTS", f"{info},{alert}", 1)
            yield from constant("yunfu:task:stale", pairs, 1)


def constant(name: str, labels: str, value: float) -> Iterator[str]:
    """Yield a series whose value stays."""
    yield "".join(f"{name}{{{labels}}} {value:g} {at}\n" for at in TIMES)


def varying(name: str, labels: str, value: float) -> Iterator[str]:
    """Yield a series whose value is now a little more, now a little less."""
    rng = random.Random(labels)
    yield "".join(f"{name}{{{labels}}} {value * rng.uniform(0.9, 1.1):.4f} {at}\n" for at in TIMES)


def growing(name: str, labels: str, value: float, more: Callable[[], float]) -> Iterator[str]:
    """Yield a series that grows at each step."""
    values = []
    for _ in TIMES:
        value += more()
        values.append(value)
    yield "".join(f"{name}{{{labels}}} {value:.4f} {at}\n" for value, at in zip(values, TIMES, strict=True))


class Viewer:
    """Asks what Grafana asks when somebody opens a dashboard, with the choices that it has at first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._chosen = {"account": ".*", "team": ".*", "window": WINDOW, "rows": "50", "__range": f"{RANGE_SECONDS}s"}

    def choose(self, variable: dict[str, Any]) -> None:
        """Ask what there is to choose from, and fill in a hidden variable."""
        query = variable["query"]["query"]
        if match := re.fullmatch(r"label_values\((.+), (\w+)\)", query):
            asked = {"match[]": self._filled(match[1], 0), "start": END - RANGE_SECONDS, "end": END}
            fetch(f"{self._url}/api/v1/label/{match[2]}/values?{urlencode(asked)}")
            return
        label = variable["regex"].strip("/").partition("=")[0]
        found = self._ask(query.removeprefix("query_result(").removesuffix(")"), 0)
        values = "|".join(each["metric"][label] for each in found)
        self._chosen[variable["name"]] = f"({values})" if variable["multi"] else values
        self._chosen[f"{variable['name']}:pipe"] = values

    def look(self, panel: dict[str, Any]) -> None:
        """Ask the queries of a panel, one after the other."""
        step = max(60.0, RANGE_SECONDS / (panel.get("maxDataPoints") or MOST_POINTS))
        for target in panel["targets"]:
            self._ask(target["expr"], 0 if target.get("instant") else step)

    def _ask(self, expr: str, step: float) -> list[dict[str, Any]]:
        """Ask for the time range at every step (seconds), or for its end if that is 0."""
        asked = Asked(self._url, END - RANGE_SECONDS, END, step)
        return (asked.range if step else asked.at_the_end)(self._filled(expr, step))

    def _filled(self, expr: str, step: float) -> str:
        chosen = self._chosen | {"__rate_interval": f"{max(240, step + 60):.0f}s", "__interval": f"{step:.0f}s"}
        return re.sub(r"\$\{([a-z_:]+)\}|\$([a-z_]+)", lambda match: chosen[match[1] or match[2]], expr)


def report(dashboard: Dashboard, url: str) -> None:
    """Say how long somebody waits for the first screen, and what each of its parts and of the closed sections takes alone."""
    viewer = Viewer(url)
    variables = [each for each in dashboard.variables if each["type"] == "query"]
    panels = [panel for panel in dashboard.model["panels"] if panel["type"] != "row"]
    marks = [{"targets": [{"expr": mark.expr}]} for mark in dashboard.marks()]
    for time_of in ("first", "second"):
        with measured(url, f"THE FIRST SCREEN, for the {time_of} time"):
            for variable in variables:
                with measured(url, f"variable {variable['name']}"):
                    viewer.choose(variable)
            with measured(url, "all panels and marks at once"), ThreadPoolExecutor(CONNECTIONS) as pool:
                list(pool.map(viewer.look, (*marks, *panels)))
    for panel in panels:
        with measured(url, panel["title"]):
            viewer.look(panel)
    for section in dashboard.model["panels"]:
        if section.get("panels"):
            with measured(url, f"section {section['title']}"):
                for panel in section["panels"]:
                    viewer.look(panel)


@contextmanager
def measured(url: str, what: str) -> Iterator[None]:
    """Say how long something takes, and for how long it keeps one core of Prometheus busy."""
    begun, worked = time.perf_counter(), processor_seconds(url)
    yield
    took, worked = time.perf_counter() - begun, processor_seconds(url) - worked
    print(f"{took:7.2f} s {worked:7.2f} s of a core: {what}")


def processor_seconds(url: str) -> float:
    """Return the processor time that Prometheus has used."""
    page = fetch(f"{url}/metrics").body.decode()
    return float(re.findall(r"^process_cpu_seconds_total (\S+)", page, re.MULTILINE)[0])


if __name__ == "__main__":
    main()
