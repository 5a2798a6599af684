"""The false alarms of YunfuTaskLowAnswerRate, the time it takes to fire, and with ``--causes`` the causes it names.

Simulated traffic is backfilled into a real Prometheus, and the shipped rules are asked there minute by minute, each after
those it builds on; beside them stands the plain rule that everybody writes first: the ratio of half an hour under the
threshold for five minutes. Healthy tasks show the false alarms; tasks whose answer rate falls to 8 % after ten good hours
show the delay. A campaign's answer rate drifts: the noise is correlated over an hour, on the logit scale.

Run: python -m benchmarks.alerts [--tasks 100] [--noise 0.15] [--poll-minutes 1] [--causes] [--seed 1]
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support import causes
from tests.support.backfill import Rule
from tests.support.firing import BEGIN, recorded, shipped

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


@dataclass(frozen=True, slots=True)
class Traffic:
    """What tasks are like: calls per minute, the healthy answer rate, the threshold, the deviation of the noise."""

    rate: float
    healthy: float
    threshold: float
    noise: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule made of healthy task-days and of the incidents: alarms, and the minutes to each (inf: none)."""

    false_alarms: int
    task_days: int
    delays: list[float]

    def __str__(self) -> str:
        ranked = sorted(self.delays)
        late = ranked[math.ceil(0.9 * len(ranked)) - 1]
        return f"{self.false_alarms / self.task_days * 1000:9.1f} {statistics.median(ranked):6.0f} {late:6.0f}"


def judge(traffic: Traffic, tasks: int, seed: int, poll_minutes: int) -> Iterator[Verdict]:
    """Yield what our rule and the plain one make of ``tasks`` healthy tasks and half as many that fall, over a day each."""
    rng = random.Random(f"{seed} {traffic}")
    healthy = {f"healthy-{index}": _draw_task(rng, traffic, GOOD_MINUTES + DAY) for index in range(tasks)}
    fallen = {f"fallen-{index}": _draw_task(rng, traffic, GOOD_MINUTES) for index in range(max(1, tasks // 2))}
    alert = shipped(ALERT)
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name) / "samples.txt", traffic, healthy | fallen, poll_minutes)
        with recorded(Path(name), GOOD_MINUTES + DAY, [alert]) as past:
            for rule, hold in ((alert, HOLD), (PLAIN, None)):
                firing = past.firing(rule, hold)
                alarms = sum(_starts(firing.get(task, set())) for task in healthy)
                yield Verdict(alarms, tasks, [_first(firing.get(task, set())) for task in fallen])


def _starts(minutes: set[int]) -> int:
    """Return how often an alert began to fire in the day after the first hours, which are there to fill the windows."""
    return sum(minute - 1 not in minutes for minute in minutes if minute > GOOD_MINUTES)


def _first(minutes: set[int]) -> float:
    """Return how long after the fall an alert fired."""
    return min((minute - GOOD_MINUTES for minute in minutes if minute > GOOD_MINUTES), default=math.inf)


def _write(file: Path, traffic: Traffic, tasks: dict[str, list[tuple[int, int]]], poll_minutes: int) -> None:
    """Write what a scrape per minute would have found, as OpenMetrics text in the order of time.

    A task is polled every ``poll_minutes``, each at another minute: until then its counts stand as they were.
    """
    with file.open("w", encoding="utf-8") as text:
        for minute in range(GOOD_MINUTES + DAY + 1):
            at = f"{BEGIN + minute * 60}\n"
            for place, (task, counts) in enumerate(tasks.items()):
                name = f'{{account="main",task="{task}"'
                answered, unanswered = counts[max(0, minute - (minute + place) % poll_minutes)]
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
    options.add_argument("--causes", action="store_true", help="whether incidents are given their right cause instead")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    if chosen.causes:
        causes.report(max(1, chosen.tasks // 10), chosen.seed, chosen.poll_minutes)
        return
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
