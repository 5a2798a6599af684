"""The causes that the alerts name, over the simulator's campaigns, in a real Prometheus.

Three incidents last twelve hours: the carrier blocks (line), numbers are dead (list), people block the caller (script). Each befalls
tasks that have had ten good hours, and tasks that begin with it. Healthy tasks of the same account call beside them.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.demo.simulator.campaign import CONNECTED, STATUSES, USER_BLOCKED, Campaign, Traits
from exporter.words import labels
from tests.support.firing import BEGIN, Past, points, recorded, shipped

LOW: Final = "YunfuTaskLowAnswerRate"
BLOCKED: Final = "YunfuTaskCarrierBlocked"
NAMED: Final = "yunfu:task_cause:stands_out"
HOLD: Final = "yunfu:task_answer_ratio:below"
"""What keeps the low rate firing: its expression says so through ALERTS, which a range query over the past does not have."""

RIGHT: Final = {
    "carrier_block": {"carrier_blocks"},
    "bad_list": {"bad_numbers"},
    "script": {"rejections", "one_round_talks"},
}
"""The causes that are right, by incident."""

LINES: Final = {1: 1, 5: 4, 50: 40}
"""The lines of a simulated campaign, by calls per minute."""

BEGINS, ENDS, LENGTH = 600, 1320, 1440
"""Minutes: when the incident begins, when it ends, and when all ends."""

THRESHOLD_SHARE: Final = 0.7
"""The threshold, as a share of the healthy answer rate."""

HEALTHY: Final = 6
STATUS_NAMES: Final = tuple(labels.STATUSES)


class _Campaign(Campaign):
    """A campaign of the simulator that can also have a bad script."""

    def _weights(self, hour: int) -> list[float]:
        weights = super()._weights(hour)
        if self.incident == "script":
            lost = weights[CONNECTED] * 2 / 3
            weights[CONNECTED] -= lost
            weights[USER_BLOCKED] += lost
        return weights


@dataclass
class _Task:
    """A task as the exporter sees it: counters of what grew between its polls."""

    name: str
    campaign: _Campaign
    begin: int
    incident: str = ""
    results: list[int] = field(default_factory=lambda: [0] * STATUSES)
    seen: list[int] = field(default_factory=lambda: [0] * STATUSES)
    calls: tuple[int, int] = (0, 0)
    rounds: tuple[int, int] = (0, 0)

    def live(self, minute: int) -> None:
        """Let the campaign go on up to a minute."""
        is_struck = self.incident and BEGINS <= minute - 1 < ENDS
        self.campaign.incident = self.incident if is_struck else ""
        self.campaign.advance(BEGIN + minute * 60)

    def poll(self) -> None:
        """Read the campaign as the exporter does, which counts what has grown."""
        numbers, lived = self.campaign.numbers, self.campaign.lifetime
        self.results = [
            count + max(0, now - before) for count, now, before in zip(self.results, numbers, self.seen, strict=True)
        ]
        self.seen = list(numbers)
        self.calls = lived.answered, lived.unanswered
        self.rounds = lived.rounds[0], sum(lived.rounds[1:])

    def samples(self) -> Iterator[tuple[str, float]]:
        """Yield what a scrape finds."""
        name = f'{{account="main",task="{self.name}"'
        yield f'yunfu_task_info{name},name="{self.name}"}}', 1
        yield f"yunfu_task_answer_ratio_threshold{name}}}", THRESHOLD_SHARE * self.campaign.traits.answer_share
        for outcome, count in zip(("answered", "unanswered"), self.calls, strict=True):
            yield f'yunfu_task_calls_total{name},outcome="{outcome}"}}', count
        for rounds, count in zip(("1", "2-5"), self.rounds, strict=True):
            yield f'yunfu_task_round_calls{name},rounds="{rounds}"}}', count
        for status, count in zip(STATUS_NAMES[1:], self.results[1:], strict=True):
            yield f'yunfu_task_number_results_total{name},status="{status}"}}', count


def report(incidents: int, seed: int, poll_minutes: int) -> None:
    """Print, for each incident and rate of calls, the alarms, the causes they name, and how long the line's alert holds."""
    print(f"{incidents} incidents of each kind, twelve hours each, polled every {poll_minutes} min")
    print("alarms; the cause first named in % of the minutes in which an alarm fires: right, another, none")
    print(
        "carrier alert: minutes until it fires, % of the rest of the incident in which it does, minutes until it resolves"
    )
    print(
        f"{'incident        task  calls/min':31} {'alarms':>8} {'right':>7} {'another':>7} {'none':>7}   carrier alert"
    )
    total: Counter[str] = Counter()
    false = 0
    for rate, lines in LINES.items():
        tasks = _draw(random.Random(f"{seed} {rate}"), lines, incidents)
        with tempfile.TemporaryDirectory() as name:
            _write(Path(name) / "samples.txt", tasks, poll_minutes)
            with recorded(Path(name), LENGTH, [shipped(LOW), shipped(BLOCKED), shipped(NAMED)]) as past:
                verdicts = _judge(past, tasks)
        for kind, verdict in verdicts.items():
            print(f"{kind[0]:15} {kind[1]:5} {rate:9}   {verdict}", flush=True)
            total += verdict.named
        false += sum(verdict.false_alarms for verdict in verdicts.values())
    print(f"right in {total['right'] / max(1, sum(total.values())):.1%} of all minutes in which an alarm fires")
    print(f"{false} carrier alerts without a line incident, in {len(LINES) * (4 * incidents + HEALTHY)} task-days")


@dataclass
class _Verdict:
    """What the alerts made of the incidents of a kind: the causes named, by minute, and the minutes of the carrier alert."""

    named: Counter[str] = field(default_factory=Counter)
    alarms: list[bool] = field(default_factory=list)
    blocked: list[tuple[int, float, int]] = field(default_factory=list)
    false_alarms: int = 0

    def __str__(self) -> str:
        minutes = max(1, sum(self.named.values()))
        shares = " ".join(f"{self.named[word] / minutes:7.1%}" for word in ("right", "another", "none"))
        row = f"{sum(self.alarms):3} of {len(self.alarms):2} {shares}"
        if not self.blocked:
            return row
        after, held, over = (statistics.median(each) for each in zip(*self.blocked, strict=True))
        return f"{row}   {after:3.0f} min, {held:4.0%}, {over:3.0f} min ({len(self.blocked)})"


def _judge(past: Past, tasks: Iterable[_Task]) -> dict[tuple[str, str], _Verdict]:
    """Return what the alerts make of the tasks, by incident and whether the task is old or new."""
    low, blocked = past.firing(shipped(LOW), HOLD), past.firing(shipped(BLOCKED))
    named = _first_named(past)
    verdicts: dict[tuple[str, str], _Verdict] = {}
    for task in tasks:
        verdict = verdicts.setdefault((task.incident or "healthy", "new" if task.begin else "old"), _Verdict())
        carrier = blocked.get(task.name, set())
        if task.incident != "carrier_block":
            verdict.false_alarms += sum(minute - 1 not in carrier for minute in carrier)
        elif struck := {minute for minute in carrier if minute > BEGINS}:
            first, last = min(struck), max(struck)
            verdict.blocked.append(
                (first - BEGINS, sum(first <= each < ENDS for each in struck) / (ENDS - first), last + 1 - ENDS)
            )
        firing = {minute for minute in low.get(task.name, set()) | carrier if BEGINS < minute <= ENDS}
        verdict.alarms.append(bool(firing))
        for minute in firing if task.incident else ():
            cause = named.get((task.name, minute))
            verdict.named["none" if cause is None else "right" if cause in RIGHT[task.incident] else "another"] += 1
    return verdicts


def _first_named(past: Past) -> dict[tuple[str, int], str]:
    """Return the cause that is named first, by task and minute: the one that has grown most."""
    most: dict[tuple[str, int], tuple[float, str]] = {}
    for series in past.asked.range(shipped(NAMED).expr):
        for minute, value in points(series):
            key = series["metric"]["task"], minute
            most[key] = max(most.get(key, (0.0, "")), (value, series["metric"]["cause"]))
    return {key: cause for key, (_, cause) in most.items()}


def _draw(rng: random.Random, lines: int, incidents: int) -> list[_Task]:
    """Make up the tasks of an account."""
    kinds = [("", 0)] * HEALTHY + [(kind, begin) for kind in RIGHT for begin in (0, BEGINS) for _ in range(incidents)]
    return [
        _Task(
            f"task-{index}", _Campaign(_traits(rng, lines, begin), f"{rng.random()}", keeps_history=False), begin, kind
        )
        for index, (kind, begin) in enumerate(kinds)
    ]


def _traits(rng: random.Random, lines: int, begin: int) -> Traits:
    return Traits(
        size=10_000_000,
        lines=lines,
        answer_share=rng.uniform(0.3, 0.5),
        bad_share=rng.uniform(0.02, 0.15),
        script=rng.random(),
        windows=((0.0, 24.0),),
        begin=BEGIN + begin * 60,
    )


def _write(file: Path, tasks: Sequence[_Task], poll_minutes: int) -> None:
    """Write what a scrape per minute would have found, as OpenMetrics text in the order of time."""
    with file.open("w", encoding="utf-8") as text:
        for minute in range(LENGTH + 1):
            at = BEGIN + minute * 60
            for place, task in enumerate(tasks):
                if minute >= task.begin:
                    task.live(minute)
                    if minute == task.begin or (minute + place) % poll_minutes == 0:
                        task.poll()
                    text.writelines(f"{series} {value} {at}\n" for series, value in task.samples())
        text.write("# EOF\n")
