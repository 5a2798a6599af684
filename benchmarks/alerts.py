"""How often YunfuTaskLowAnswerRate cries wolf, and how long it takes to cry when the wolf is there.

Simulated traffic is backfilled into a real Prometheus, and the shipped rules are asked there minute by minute, each after
those it builds on; beside them stands the plain rule that everybody writes first: the ratio of half an hour under the
threshold for five minutes. Healthy tasks tell the false alarms; tasks whose answer rate falls to 8 % after ten good hours
tell the delay. A campaign's answer rate drifts: the noise is correlated over an hour, on the logit scale.

Run: python -m benchmarks.alerts [--tasks 100] [--noise 0.15] [--poll-minutes 1] [--seed 1]
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.backfill import Asked, Rule, backfill, levels, prometheus, read_rules

ALERT: Final = "YunfuTaskLowAnswerRate"
HOLD: Final = "yunfu:task_answer_ratio:below"
"""What keeps the alert firing: its expression says so through ALERTS, which a range query over the past does not have."""
PLAIN: Final = Rule(
    "Plain",
    'sum by (account, task) (increase(yunfu_task_calls_total{outcome="answered"}[30m])) '
    "/ sum by (account, task) (increase(yunfu_task_calls_total[30m])) < yunfu_task_answer_ratio_threshold",
    is_alert=True,
    pending_seconds=300,
)
RATES: Final = (0.2, 1.0, 5.0, 50.0)
HEALTH: Final = ((0.35, 0.25), (0.45, 0.2))
"""The healthy answer rate and the threshold."""
FALLEN: Final = 0.08
NOISE_MINUTES: Final = 60
GOOD_MINUTES: Final = 600
DAY: Final = 1440
BEGIN: Final = 1_750_000_000 // 7200 * 7200
"""When the first minute was, in Unix time, at the edge of a block."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What tasks are like: calls a minute, the healthy answer rate, the threshold, the deviation of the noise."""

    rate: float
    healthy: float
    threshold: float
    noise: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule made of so many healthy task-days and of the incidents: alarms, and the minutes to each (inf: none)."""

    false_alarms: int
    task_days: int
    delays: list[float]

    def __str__(self) -> str:
        ranked = sorted(self.delays)
        late = ranked[math.ceil(0.9 * len(ranked)) - 1]
        return f"{self.false_alarms / self.task_days * 1000:9.1f} {statistics.median(ranked):6.0f} {late:6.0f}"


def judge(traffic: Traffic, tasks: int, seed: int, every: int) -> Iterator[Verdict]:
    """Yield what our rule and the plain one make of so many healthy tasks and half as many that fall, over a day each."""
    rng = random.Random(f"{seed} {traffic}")
    healthy = {f"healthy-{index}": _draw_task(rng, traffic, GOOD_MINUTES + DAY) for index in range(tasks)}
    fallen = {f"fallen-{index}": _draw_task(rng, traffic, GOOD_MINUTES) for index in range(max(1, tasks // 2))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "calls.txt", traffic, healthy | fallen, every)
        backfill(folder / "calls.txt", folder / "tsdb")
        rules = read_rules()
        alert = next(rule for rule in rules if rule.name == ALERT)
        for level in levels(_needed(alert, rules)):
            with prometheus(folder) as url:
                if _asked(url).record(level, folder / "rules.txt"):
                    backfill(folder / "rules.txt", folder / "tsdb")
        with prometheus(folder) as url:
            for rule, hold in ((alert, HOLD), (PLAIN, None)):
                firing = _fire(_asked(url), rule, hold)
                alarms = sum(_starts(firing.get(task, set())) for task in healthy)
                yield Verdict(alarms, tasks, [_first(firing.get(task, set())) for task in fallen])


def _asked(url: str) -> Asked:
    return Asked(url, BEGIN, BEGIN + (GOOD_MINUTES + DAY) * 60, 60)


def _needed(alert: Rule, rules: Iterable[Rule]) -> list[Rule]:
    """Return the recording rules that an alert builds on, directly or not."""
    needed: list[Rule] = []
    wanted = [alert]
    while wanted:
        rule = wanted.pop()
        found = [other for other in rules if not other.is_alert and rule.uses(other.name) and other not in needed]
        needed += found
        wanted += found
    return needed


def _fire(asked: Asked, rule: Rule, hold: str | None) -> dict[str, set[int]]:
    """Return the minutes at which an alert fires, by task: true for its ``for``, then for as long as ``hold`` is there."""
    true = _minutes(asked.range(rule.expr))
    held = _minutes(asked.range(hold)) if hold else {}
    return {
        task: set(_latch(minutes, held.get(task, set()), rule.pending_seconds / 60)) for task, minutes in true.items()
    }


def _minutes(series: Iterable[dict[str, Any]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for each in series:
        found.setdefault(each["metric"]["task"], set()).update(round((at - BEGIN) / 60) for at, _ in each["values"])
    return found


def _latch(true: set[int], held: set[int], pending: float) -> Iterator[int]:
    since, firing = None, False
    for minute in range(GOOD_MINUTES + DAY + 1):
        holds = minute in true or (firing and minute in held)
        since = (minute if since is None else since) if holds else None
        firing = since is not None and minute - since >= pending
        if firing:
            yield minute


def _starts(minutes: set[int]) -> int:
    """Return how often an alert began to fire in the day after the first hours, which are there to fill the windows."""
    return sum(minute - 1 not in minutes for minute in minutes if minute > GOOD_MINUTES)


def _first(minutes: set[int]) -> float:
    """Return how long after the fall an alert fired."""
    return min((minute - GOOD_MINUTES for minute in minutes if minute > GOOD_MINUTES), default=math.inf)


def _write(file: Path, traffic: Traffic, tasks: dict[str, list[tuple[int, int]]], every: int) -> None:
    """Write what a scrape a minute would have found, as OpenMetrics text in the order of time.

    A task is polled every so many minutes, each at a minute of its own: until then its counts stand as they were.
    """
    with file.open("w", encoding="utf-8") as text:
        for minute in range(GOOD_MINUTES + DAY + 1):
            at = f"{BEGIN + minute * 60}\n"
            for place, (task, counts) in enumerate(tasks.items()):
                name = f'{{account="main",task="{task}"'
                answered, unanswered = counts[max(0, minute - (minute + place) % every)]
                text.write(f'yunfu_task_calls_total{name},outcome="answered"}} {answered} {at}')
                text.write(f'yunfu_task_calls_total{name},outcome="unanswered"}} {unanswered} {at}')
                text.write(f'yunfu_task_info{name},name="{task}"}} 1 {at}')
                text.write(f"yunfu_task_answer_ratio_threshold{name}}} {traffic.threshold} {at}")
        text.write("# EOF\n")


def _draw_task(rng: random.Random, traffic: Traffic, fall_at: int) -> list[tuple[int, int]]:
    """Return the calls answered and not answered up to each minute."""
    keep = math.exp(-1 / NOISE_MINUTES)
    drift = rng.gauss(0, traffic.noise)
    counts = [(0, 0)]
    for minute in range(GOOD_MINUTES + DAY):
        drift = keep * drift + rng.gauss(0, traffic.noise * math.sqrt(1 - keep * keep))
        ratio = traffic.healthy if minute < fall_at else FALLEN
        ratio = 1 / (1 + math.exp(-math.log(ratio / (1 - ratio)) - drift))
        answered, unanswered = counts[-1]
        answered += _poisson(rng, traffic.rate * ratio)
        counts.append((answered, unanswered + _poisson(rng, traffic.rate * (1 - ratio))))
    return counts


def _poisson(rng: random.Random, mean: float) -> int:
    if mean > 10:  # from here on a normal draw is as good, and quicker
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, product, floor = -1, 1.0, math.exp(-mean)
    while product > floor:
        count += 1
        product *= rng.random()
    return count


def main() -> None:
    """Print a table: for each traffic, false alarms and delays of our rule and the plain one."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--tasks", type=int, default=100, help="healthy task-days of each kind of traffic")
    options.add_argument("--noise", type=float, default=0.15, help="standard deviation of the answer rate's logit")
    options.add_argument("--poll-minutes", type=int, default=1, help="minutes between two polls of a task")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    print(
        f"{chosen.tasks} healthy task-days and {max(1, chosen.tasks // 2)} incidents of each kind, noise {chosen.noise}"
    )
    print("false alarms per 1,000 task-days; minutes until the alarm, median and 90th percentile")
    print(f"{'healthy  threshold  calls/min':31} {'ours':^23}   {'plain rule':^23}")
    for healthy, threshold in HEALTH:
        for rate in RATES:
            ours, plain = judge(
                Traffic(rate, healthy, threshold, chosen.noise), chosen.tasks, chosen.seed, chosen.poll_minutes
            )
            print(f"{healthy:7.0%} {threshold:10.0%} {rate:10.1f}   {ours}   {plain}", flush=True)


if __name__ == "__main__":
    main()
