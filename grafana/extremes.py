"""The tables of the best and the worst tasks."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import table

from exporter.words.text import Text
from grafana.board import WINDOW
from grafana.panels import Panels
from grafana.queries import ALL, of_team
from grafana.tables import COUNT, SHARE, Column, Rows, make_table
from grafana.tasks import task_link
from grafana.words import ANSWER_RATE, CALLS, TASK

LEAST_CALLS: Final = 50
"""Calls without which a task is neither among the best nor among the worst."""


@dataclass(frozen=True, slots=True)
class Extreme:
    """One end of the answer rates: its function in PromQL, the table's title, and what the rates there are."""

    function: str
    title: Text
    rates: Text


WORST: Final = Extreme("bottomk", Text("Worst · last $window", "接通率最低 · 最近 $window"), Text("lowest", "最低"))
BEST: Final = Extreme("topk", Text("Best · last $window", "接通率最高 · 最近 $window"), Text("highest", "最高"))


def extreme_table(panels: Panels, extreme: Extreme) -> table.Panel:
    """Return the table of the best or the worst tasks, the most extreme first."""
    return make_table(
        panels,
        extreme.title,
        Text(
            f"The five dialling tasks with the {extreme.rates.en} answer rate, among those with at least {LEAST_CALLS} calls.",
            f"呼叫数不少于 {LEAST_CALLS} 的外呼中任务里，接通率{extreme.rates.zh}的五个。",
        ),
        _extreme_rows(panels, extreme.function),
        hidden=["account", "task"],
        sort=ANSWER_RATE,
        ascending=extreme is WORST,
        empty=_NO_EXTREMES,
    )


_NO_EXTREMES: Final = Text("No task with so many calls", "没有达到该呼叫数的任务")


def _extreme_rows(panels: Panels, function: str) -> list[Rows]:
    judged = f"{ALL.answered(WINDOW)} / ({ALL.calls(WINDOW)} >= {LEAST_CALLS})"
    fresh = f"({ALL.dialling()}) and on (account, task) {ALL.threshold()}"
    chosen = f"{function}(5, {of_team(f'{judged} and on (account, task) ({fresh})')})"
    return [
        Rows(
            ALL.named(chosen),
            {"name": Column(TASK, 0, [task_link(panels)])},
            Column(ANSWER_RATE, 128, SHARE),
            "rate",
        ),
        Rows(f"{ALL.calls(WINDOW)} and on (account, task) {chosen}", {}, Column(CALLS, 90, COUNT), "calls"),
    ]
