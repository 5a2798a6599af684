"""The report of a day for a manager: what each task, each team and all of them dialled and achieved, against the day before."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, stat, table
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from exporter.words.text import Text
from grafana.board import Board, uid
from grafana.palette import BAD, GOOD, NEUTRAL, NOTHING
from grafana.panels import Panels, Query, steps
from grafana.queries import added, chosen
from grafana.tables import COUNT, SHARE, Column, Rows, cell, linked, make_table, mapped, thresholds, unit
from grafana.words import ACCOUNT, ANSWER_RATE, TASK, Language

DAY: Final = "1m$__range"
"""The time range with the last minute before it: what grew in between is of this day."""

TODAY, BEFORE = "", " offset 1d"
NO_TEAM: Final = "–"
"""The value of the label ``team`` of tasks that have none."""


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "daily",
        Text("Yunfu · Daily report", "云蝠外呼 · 日报"),
        Text(
            "What each task and team dialled and achieved yesterday, against the day before.",
            "昨日各任务、各团队的外呼量与成果，并与前一日对比。",
        ),
    )
    board.of_yesterday()
    board.account_variable()
    board.link("overview", Text("Overview", "总览"), keep_time=False)
    board.link_other_language()
    panels = Panels(language)
    board.add(_date(panels), width=4, height=4)
    for title, expr, field_unit in _totals():
        board.add(_total(panels, title, expr, field_unit), width=4, height=4)
    board.add(_teams(panels), width=24, height=6)
    board.add(_tasks(panels), width=24, height=31)
    return board


def grown(counter: str, ago: str, *labels: str, of: str = "") -> str:
    """Return by how much a counter grew in the day, by task and ``labels``.

    That is what its highest value is above its lowest: increase() would extrapolate. Where it was set back (the exporter started
    without its state) only increase() adds up the parts.
    """
    series = chosen(counter, *filter(None, [of]))
    span = f"{series}[{DAY}]{ago}"
    growth = f"(max_over_time({span}) - min_over_time({span}) unless resets({span}) > 0 or increase({span}))"
    return _once(growth, f"{series}{ago}", *labels)


def _once(growth: str, series: str, *labels: str) -> str:
    """Return the growth of what one exporter exposed after another in the day; what two expose at its end counts once."""
    by = f"by ({', '.join(('account', 'task', *labels))})"
    return f"sum {by} (({growth} unless {series}) or max {by} ({growth} and {series}))"


def calls(ago: str) -> str:
    """Return the calls of the day, by task."""
    return added(grown("yunfu_task_calls_total", ago, "outcome"))


def results(ago: str) -> str:
    """Return the numbers that came to a result in the day, by task."""
    return added(grown("yunfu_task_number_results_total", ago, "status"))


def interested(ago: str) -> str:
    """Return the calls of clear or possible interest of the day, by task.

    The platform's count can fall, when a call is graded anew or the task is reset, and so is compared with its lowest value.
    """
    series = chosen("yunfu_task_intention_calls", 'intention=~"A|B"')
    span = f"{series}[{DAY}]{ago}"
    growth = f"(last_over_time({span}) - min_over_time({span}))"
    return added(_once(growth, f"{series}{ago}", "intention"))


ACTIVE: Final = "(" + added(f"increase({chosen('yunfu_task_calls_total')}[1d$__range])") + " > 0)"
"""The tasks that dialled on the day or the day before, those that are gone too."""

_INFO: Final = chosen("yunfu_task_info")
KNOWN: Final = (
    "topk by (account, task) (1, max by (account, task, name, team) "
    f"({_INFO} or (last_over_time({_INFO}[1d$__range]) unless on (account, task) {_INFO})))"
)
"""The tasks with the name and the team that they have at the end of the day, or had before."""

TEAM: Final = f'label_replace({KNOWN}, "team", "{NO_TEAM}", "team", "")'


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the day, or of the day ``ago``, summed up by ``per``: of each task, of each team or of all."""

    per: Callable[[str], str]

    def dialled(self, ago: str = TODAY) -> str:
        """Return the calls; 0 of those that dialled only the day before."""
        return self.per(calls(ago) if ago else f"({calls(ago)} or {ACTIVE} * 0)")

    def answered(self, ago: str = TODAY) -> str:
        """Return the answered calls."""
        return self.per(grown("yunfu_task_calls_total", ago, of='outcome="answered"'))

    def rate(self, ago: str = TODAY) -> str:
        """Return the share of answered calls."""
        return f"{self.answered(ago)} / ({self.dialled(ago)} > 0)"

    def interested(self, ago: str = TODAY) -> str:
        """Return the calls of clear or possible interest."""
        return self.per(interested(ago))

    def blocked(self, ago: str = TODAY) -> str:
        """Return the numbers that the carrier blocked."""
        return self.per(grown("yunfu_task_number_results_total", ago, of='status="carrier_blocked"'))

    def blocked_share(self, ago: str = TODAY) -> str:
        """Return their share of all numbers with a result."""
        return f"{self.blocked(ago)} / ({self.per(results(ago))} > 0)"


ALL: Final = Figures(lambda expr: f"sum({expr})")
TEAMS: Final = Figures(lambda expr: f"sum by (team) ({expr} * on (account, task) group_left (team) {TEAM})")
TASKS: Final = Figures(lambda expr: f"({expr} and on (account, task) {ACTIVE})")


def _change(figure: Callable[[str], str]) -> str:
    """Return by what share a figure is more than the day before."""
    return f"{figure(TODAY)} / ({figure(BEFORE)} > 0) - 1"


def _points(share: Callable[[str], str]) -> str:
    """Return by how many percentage points a share is more than the day before."""
    return f"100 * ({share(TODAY)} - {share(BEFORE)})"


_DIALLED: Final = Text("Dialled", "外呼量")
_ANSWERED: Final = Text("Answered", "接通量")
_INTERESTED: Final = Text("A+B", "A+B")
_BLOCKED: Final = Text("Blocked", "被拦截")
_ON_DAY_BEFORE: Final = Text("Day before", "前一日")
_CHANGES: Final = (
    Text("± calls", "±外呼"),
    Text("± rate", "±接通率"),
    Text("± A+B", "±A+B"),
    Text("± blocked", "±拦截率"),
)


def _date(panels: Panels) -> stat.Panel:
    panel = panels.stat(
        Text("Daily report", "外呼日报"),
        Text(
            "The day of the report, in China. Choose another one at the top.",
            "报告日期（北京时间）。可在顶部选择其他日期。",
        ),
        f"time:{panels.say(Text('ddd YYYY-MM-DD', 'YYYY年M月D日'))}",
        Query("1000 * (vector(time()) - $__range_s / 2) and on () (vector($__range_s) <= 86400)", instant=True),
    )
    panel.no_value(panels.say(Text("Choose a single day", "请选择单独一天")))
    return steps(panel.color_mode(options.BigValueColorMode.NONE), NOTHING)


def _totals() -> Iterator[tuple[Text, Callable[[str], str], list[Property]]]:
    """Yield the figures of all tasks: title, query, unit."""
    yield _DIALLED, ALL.dialled, COUNT
    yield _ANSWERED, ALL.answered, COUNT
    yield ANSWER_RATE, ALL.rate, SHARE
    yield _INTERESTED, ALL.interested, COUNT
    yield _BLOCKED, ALL.blocked, COUNT


def _total(panels: Panels, title: Text, figure: Callable[[str], str], field_unit: list[Property]) -> stat.Panel:
    panel = panels.stat(
        title,
        Text("Of all tasks together, with the day before.", "全部任务合计，附前一日。"),
        "none",
        Query(figure(TODAY), Text("This day", "当日"), instant=True),
        Query(figure(BEFORE), _ON_DAY_BEFORE, instant=True),
    )
    for letter in "AB":
        panel.override_by_query(letter, field_unit)
    panel.color_mode(options.BigValueColorMode.NONE).text_mode(options.BigValueTextMode.VALUE_AND_NAME)
    panel.orientation(options.VizOrientation.HORIZONTAL)
    return steps(panel.text(common.VizTextDisplayOptions().title_size(13).value_size(18)), NEUTRAL)


def _teams(panels: Panels) -> table.Panel:
    count = f"count by (team) ({TEAM} and on (account, task) {ACTIVE})"
    without = dashboard.ValueMap(
        options={NO_TEAM: dashboard.ValueMappingResult(text=panels.say(Text("No team", "未分组")), index=0)}
    )
    team = Column(Text("Team", "团队"), 0, [mapped([without])], least=150)
    return make_table(
        panels,
        Text("Teams", "团队"),
        Text(
            "The same by the label team of the tasks, which the configuration gives them.",
            "按任务的 team 标签汇总，标签在 exporter 配置中设置。",
        ),
        [Rows(count, {"team": team}, Column(Text("Tasks", "任务数"), 62, COUNT), "tasks"), *_rows(panels, TEAMS)],
        sort=_DIALLED,
        empty=Text("No calls on this day", "当日没有呼叫"),
    )


def _tasks(panels: Panels) -> table.Panel:
    link = linked(
        panels.say(Text("Open the task", "查看任务")),
        f"/d/{uid('task', panels.language)}?var-datasource=${{datasource}}&var-account=${{__data.fields.account}}"
        "&var-task=${__data.fields.task}&${__url_time_range}",
    )
    names = {"name": Column(TASK, 0, [link], least=140), "account": Column(ACCOUNT, 76)}
    return make_table(
        panels,
        Text("Tasks that dialled on this day or the day before", "当日或前一日有外呼的任务"),
        Text(
            "Calls, their answers, calls of clear or possible interest (A+B), and numbers that the carrier blocked, with their share of all "
            "results; each as the exporter saw it grow, against the day before in per cent, shares in percentage points.",
            "呼叫数、接通数、A+B 意向通话数，以及运营商拦截的号码数及其占全部结果的比例，均为 exporter 观察到的增量；与前一日相比，数量为百分比，比例为百分点。",
        ),
        [Rows(f"max by (account, task, name) ({KNOWN}) and on (account, task) {ACTIVE}", names), *_rows(panels, TASKS)],
        hidden=["task"],
        sort=_DIALLED,
        empty=Text("No calls on this day", "当日没有呼叫"),
    )


def _rows(panels: Panels, figures: Figures) -> Iterator[Rows]:
    """Yield the columns that tasks and teams have alike."""
    calls_change, rate_change, interested_change, blocked_change = _CHANGES
    points = unit(f"suffix:{panels.say(Text(' pp', ' 点'))}", 1)
    more, less = thresholds(BAD, {-0.1: "text", 0.1: GOOD}), thresholds(BAD, {-3: "text", 3: GOOD})
    worse = thresholds(GOOD, {-3: "text", 3: BAD})
    text = cell("color-text")
    yield Rows(figures.dialled(), {}, Column(_DIALLED, 96, COUNT), "dialled")
    yield Rows(_change(figures.dialled), {}, Column(calls_change, 70, unit("percentunit", 0)), "dialled_change")
    yield Rows(figures.answered(), {}, Column(_ANSWERED, 88, COUNT), "answered")
    yield Rows(figures.rate(), {}, Column(ANSWER_RATE, 102, SHARE), "rate")
    yield Rows(_points(figures.rate), {}, Column(rate_change, 70, [*points, *less, *text]), "rate_change")
    yield Rows(figures.interested(), {}, Column(_INTERESTED, 60, COUNT), "interested")
    change = [*unit("percentunit", 0), *more, *text]
    yield Rows(_change(figures.interested), {}, Column(interested_change, 62, change), "interested_change")
    yield Rows(figures.blocked(), {}, Column(_BLOCKED, 76, COUNT), "blocked")
    yield Rows(figures.blocked_share(), {}, Column(Text("Share", "拦截率"), 66, SHARE), "blocked_share")
    yield Rows(
        _points(figures.blocked_share), {}, Column(blocked_change, 86, [*points, *worse, *text]), "blocked_change"
    )
