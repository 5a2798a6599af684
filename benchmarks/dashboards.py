"""How long a real Prometheus takes for the overview: what is seen at first, and each section below it.

Run: python -m benchmarks.dashboards [TASKS] [FOLDER]

Made-up series of TASKS tasks, a sample a minute for six and a half hours, go into a Prometheus, those that the shipped
rules record among them. It is asked what Grafana asks for the default time range, one query after the other. With FOLDER
the series stay there for another run. What it takes grows with the number of tasks.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from exporter.words.labels import STATUSES
from tests.support.backfill import Asked, backfill, prometheus
from tests.support.dashboards import PATHS, Dashboard, load
from tests.support.programs import fetch

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
STEP, HOURS = 60, 6.5
END: Final = 1_750_003_200
TIMES: Final = range(int(END - HOURS * 3600), END + 1, STEP)
RANGE_SECONDS, MOST_POINTS = 6 * 3600, 1000


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
    for account, team in (("main", "loans"), ("partner", "care")):
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
        if number % 100 == 0:
            alert = 'alertname="YunfuTaskLowAnswerRate",alertstate="firing",severity="critical"'
            yield from constant("ALERTS", f"{info},{alert}", 1)
            yield from constant("yunfu:task:stale", pairs, 1)


def constant(name: str, labels: str, value: float) -> Iterator[str]:
    """Yield a series whose value stays."""
    yield "".join(f"{name}{{{labels}}} {value:g} {at}\n" for at in TIMES)


def growing(name: str, labels: str, value: float, more: Callable[[], float]) -> Iterator[str]:
    """Yield a series that grows at each step."""
    values = []
    for _ in TIMES:
        value += more()
        values.append(value)
    yield "".join(f"{name}{{{labels}}} {value:.4f} {at}\n" for value, at in zip(values, TIMES, strict=True))


def report(dashboard: Dashboard, url: str) -> None:
    """Say how long the variables, each panel and each section take."""
    chosen = {"account": ".*", "team": ".*", "window": "30m", "rows": "50", "__range": f"{RANGE_SECONDS}s"}
    section, totals = "at first sight", dict[str, tuple[float, float]]()

    def ask(what: str, expr: str, step: float = 0) -> Any:
        expr = re.sub(r"\$\{?([a-z_]+)\}?", lambda match: chosen[match[1]], expr)
        begun, worked = time.perf_counter(), processor_seconds(url)
        asked = Asked(url, END - RANGE_SECONDS, END, step)
        found = asked.range(expr) if step else asked.at_the_end(expr)
        took, worked = time.perf_counter() - begun, processor_seconds(url) - worked
        wall, processor = totals.get(section, (0, 0))
        totals[section] = (wall + took, processor + worked)
        print(f"{took:8.2f} s {worked:8.2f} s of a core {len(found):6} series {what}")
        return found

    for variable in dashboard.variables:
        if variable["type"] == "query" and "query_result" in variable["query"]["query"]:
            found = ask(f"variable {variable['name']}", variable["query"]["query"][len("query_result(") : -1])
            chosen[variable["name"]] = "|".join(each["metric"]["task"] for each in found)
    for panel in dashboard.panels:
        if panel["type"] == "row":
            section = panel["title"]
        for target in panel.get("targets") or ():
            step = max(60.0, RANGE_SECONDS / (panel.get("maxDataPoints") or MOST_POINTS))
            chosen["__rate_interval"], chosen["__interval"] = f"{max(240, step + 60):.0f}s", f"{step:.0f}s"
            ask(f"{panel['title']} {target['refId']}", target["expr"], 0 if target.get("instant") else step)
    for section, (wall, processor) in totals.items():
        print(f"{wall:8.2f} s {processor:8.2f} s of a core in all: {section}")


def processor_seconds(url: str) -> float:
    """Return the processor time that Prometheus has used."""
    page = fetch(f"{url}/metrics").body.decode()
    return float(re.findall(r"^process_cpu_seconds_total (\S+)", page, re.MULTILINE)[0])


if __name__ == "__main__":
    main()
