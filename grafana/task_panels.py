"""The graphs and tables of the dashboard of one task."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from grafana_foundation_sdk.builders import common, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from exporter.words.labels import ROUNDS
from exporter.words.text import Text
from grafana import one_task as ask
from grafana import task_week as week
from grafana.board import WINDOW
from grafana.palette import BAD, NEUTRAL, QUIET, VOCABULARIES, fixed, label_mappings, number_mappings
from grafana.panels import Panels, Query, stacked
from grafana.tables import COUNT, SHARE, Column, Rows, cell, custom, make_table, mapped, thresholds, unit
from grafana.words import ANSWER_RATE, CALLS, PROGRESS, THRESHOLD

NOTABLE: Final = 0.01
"""The share from which a kind of failure that does not occur now is compared with the past."""

NO_STATISTICS: Final = Text("No fresh statistics", "没有最新统计")
FUNNEL: Final = (
    (Text("Numbers in the list", "名单号码"), ask.total("status", "yunfu_task_numbers")),
    (Text("Have a result", "已有结果"), ask.total("status", "yunfu_task_numbers", 'status!="waiting"')),
    (Text("Answered", "已接通"), ask.value("yunfu_task_answered_calls")),
    (Text("More than one round", "多于一轮对话"), ask.total("rounds", "yunfu_task_round_calls", 'rounds!="1"')),
    (Text("Intention A or B", "A+B 意向"), ask.total("intention", "yunfu_task_intention_calls", 'intention=~"A|B"')),
)
BEFORE: Final = {
    "1d": (Text("A day before", "前一天"), "#b07cc6"),
    "1w": (Text("A week before", "一周前"), "#7a5436"),
}
"""What the answer rate is compared with, by how long ago, and its colour."""

PALE: Final = "#9cc3ef"
COUNT_N: Final = Text("n", "n")
POINTS: Final = Text(" pp", " 点")


def all_panels(panels: Panels) -> Iterator[tuple[Builder[dashboard.Panel], int, int]]:
    """Yield the panels below the tiles, each with its width and height."""
    yield answer_rate(panels), 13, 10
    yield changes(panels), 11, 10
    yield results(panels), 13, 9
    yield funnel(panels), 11, 9
    yield intentions(panels), 8, 8
    yield rounds(panels), 8, 8
    yield tags(panels), 8, 8
    yield progress(panels), 24, 7
    yield week.answered_by_hour(panels), 24, 9
    yield week.calls_by_hour(panels), 24, 9


def answer_rate(panels: Panels) -> timeseries.Panel:
    """Show since when the answer rate is low, and whether that can be chance."""
    say, count = panels.say, Text("Calls in the window (n)", "窗口内呼叫数（n）")
    upper, lower = Text("Range of chance", "随机波动范围"), Text("Range of chance, lower end", "随机波动下限")
    under = Text("Under the threshold", "低于阈值")
    graph = panels.timeseries(
        Text("Answer rate over $window, and what chance allows", "接通率（滚动 $window）与随机波动范围"),
        Text(
            "Answered calls as a share of the calls in the $window before each point; red where it is under the threshold. The band is "
            "Wilson's interval, 2.7 standard deviations each way: where all of it is under the threshold, the rate is too. Dotted: the same "
            "hours a day and a week before. Grey: the calls (n).",
            "每个时间点之前 $window内的接通率，低于阈值处标红。色带为 Wilson 置信区间（上下各 2.7 倍标准差）：整条色带都在阈值之下，"
            "才算真正低于阈值。点线：前一天与一周前的同一时段。灰色：呼叫数（n）。",
        ),
        "percentunit",
        Query(ask.calls(), count),
        Query(ask.bound("-"), lower),
        Query(ask.bound("+"), upper),
        Query(ask.answer_rate(), ANSWER_RATE),
        Query(ask.threshold(), THRESHOLD),
        Query(f"{ask.threshold()} > {ask.answer_rate()}", under),
        *(Query(ask.answer_rate(f"{WINDOW} offset {ago}"), words) for ago, (words, _) in BEFORE.items()),
    ).min(0)
    graph.override_by_name(
        say(count),
        [
            fixed(QUIET),
            *custom(fillOpacity=14, lineWidth=0, axisPlacement="right", axisLabel=say(CALLS)),
            *COUNT,
        ],
    )
    hidden = {"viz": False, "legend": True, "tooltip": False}
    graph.override_by_name(say(lower), [fixed(PALE), *custom(lineWidth=0, fillOpacity=0, hideFrom=hidden)])
    graph.override_by_name(say(upper), [fixed(PALE), *custom(lineWidth=0, fillBelowTo=say(lower), fillOpacity=30)])
    graph.override_by_name(
        say(under), [fixed(BAD), *custom(lineWidth=0, fillBelowTo=say(ANSWER_RATE), fillOpacity=35, hideFrom=hidden)]
    )
    for words, colour in BEFORE.values():
        dots = {"fill": "dot", "dash": [0, 6]}
        graph.override_by_name(say(words), [fixed(colour), *custom(fillOpacity=0, lineWidth=2, lineStyle=dots)])
    graph.override_by_name(say(ANSWER_RATE), [fixed(NEUTRAL), *custom(fillOpacity=0, lineWidth=3)])
    dashes = {"fill": "dash", "dash": [8, 6]}
    return graph.override_by_name(say(THRESHOLD), [fixed(BAD), *custom(fillOpacity=0, lineStyle=dashes)])


def changes(panels: Panels) -> table.Panel:
    """Show which kinds of failure have grown."""
    change, failures = Text("Change", "变化"), f'status=~"{ask.FAILURES}"'
    now = ask.result_shares(statuses=ask.FAILURES)
    before = f"({ask.result_shares(ask.PAST, ask.FAILURES)} and on () {ask.results()})"
    count = f"({ask.grown('status', ask.RESULTS, WINDOW, failures)} and on () {ask.results()})"
    notable = f"({count} > 0 or {before} >= {NOTABLE})"
    coloured = [*thresholds("text", {10: BAD}), *cell("color-text")]
    result = [mapped(label_mappings("status", panels.language)), *cell("color-background")]
    rows = [
        Rows(
            f"{count} and {notable}",
            {"status": Column(Text("Failure", "失败类型"), 0, result)},
            Column(COUNT_N, 58, COUNT),
            "n",
        ),
        Rows(f"{now} and {notable}", value=Column(Text("Now", "当前"), 64, SHARE), value_name="now"),
        Rows(f"{before} and {notable}", value=Column(Text("Before", "此前"), 68, SHARE), value_name="before"),
        Rows(
            f"100 * ({now} - {before}) and {notable}",
            value=Column(change, 98, [*unit(f"suffix:{panels.say(POINTS)}", 1), *coloured]),
            value_name="change",
        ),
    ]
    return make_table(
        panels,
        Text("Why: failures of the past $window, and 24 h before", "原因：最近 $window的失败类型，对比此前 24 小时"),
        Text(
            "Kinds of failure as shares of all results (n), the fastest-growing first; red from ten percentage points on. Without those "
            f"that do not occur now and were under {NOTABLE:.0%} before.",
            f"各失败类型占全部呼叫结果的比例（n 为次数），增长最快的在前；增长十个百分点起标红。当前没有且此前不到 {NOTABLE:.0%} 的不列出。",
        ),
        rows,
        sort=change,
        empty=Text("No results", "没有结果"),
    )


def results(panels: Panels) -> timeseries.Panel:
    """Show what the numbers came to over time, the answered below and the failures by cause above."""
    count = Text("Results (n)", "结果数（n）")
    interval = "$__rate_interval"
    order = ("connected", *ask.CAUSES.values(), ask.REST)
    shares = [Query(ask.result_shares(interval, statuses), "{{status}}") for statuses in order]
    graph = panels.timeseries(
        Text("Results over time", "呼叫结果占比"),
        Text(
            "What the numbers dialled in each five minutes or more came to, as shares of all results; their number (n) "
            "is in the tooltip. Green: connected; reds: the line; violets: the list; yellows and browns: the people called. "
            "A number that is dialled again leaves its status, so failures that are redialled count short here and "
            "the green is more than the answer rate.",
            "每个时间段（五分钟以上）内各呼叫结果的占比，结果数（n）见提示框。绿色：呼叫成功；红色系：线路；紫色系：名单；"
            "黄棕色系：被叫用户。号码重拨时会离开原状态，因此会重拨的失败类型在此少计，绿色占比高于接通率。",
        ),
        "percentunit",
        *shares,
        Query(f"sum({ask.grown('status', ask.RESULTS, interval)})", count),
    )
    stacked(graph.interval("5m").point_size(3)).min(0).max(1)
    aside = {"viz": True, "legend": True, "tooltip": False}
    return panels.name_series(graph, "status").override_by_name(
        panels.say(count),
        [*COUNT, fixed(QUIET), *custom(stacking={"mode": "none"}, axisPlacement="hidden", hideFrom=aside)],
    )


def funnel(panels: Panels) -> table.Panel:
    """Show how many of the numbers get how far."""
    counts = [count for _, count in FUNNEL]
    ratios = [f"{count} / ({before} > 0)" for before, count in pairwise(counts)]
    words = number_mappings({step: (text, NEUTRAL) for step, (text, _) in enumerate(FUNNEL, start=1)}, panels.language)
    rows = [
        Rows(
            ask.numbered("step", enumerate(counts, start=1)),
            {"step": Column(Text("Step", "环节"), 150, [mapped(words)])},
            Column(COUNT_N, 0, [*COUNT, *_bar()], least=120),
            "count",
        ),
        Rows(
            ask.numbered("step", enumerate(ratios, start=2)),
            value=Column(Text("Of the above", "占上一环节"), 102, SHARE),
            value_name="ratio",
        ),
    ]
    return make_table(
        panels,
        Text("Funnel since the task began", "漏斗（任务全程）"),
        Text(
            "From the numbers in the list to calls of clear or possible interest. Each share is of the count above it.",
            "从名单号码到有明确或可能意向的通话。每个占比以上一行的数量为样本量。",
        ),
        rows,
        empty=NO_STATISTICS,
    )


def intentions(panels: Panels) -> table.Panel:
    """Show what the called intend."""
    header = Text("Intention", "意向")
    expr = ask.by("intention", "yunfu_task_intention_calls")
    title = Text("Intentions since the task began", "意向等级（任务全程）")
    return _shares(panels, title, header, "intention", expr, f"sum({expr})", sort=False).sort_by(
        [common.TableSortByFieldState().display_name(panels.say(header))]
    )


def rounds(panels: Panels) -> table.Panel:
    """Show how long the talks are."""
    expr = ask.in_order("yunfu_task_round_calls", "rounds", ROUNDS)
    title = Text("Rounds since the task began", "对话轮次（任务全程）")
    return _shares(panels, title, Text("Rounds", "轮次"), "rounds", expr, f"sum({expr})", sort=False)


def tags(panels: Panels) -> table.Panel:
    """Show the commonest tags."""
    expr = f"topk(10, {ask.by('tag', 'yunfu_task_llm_tag_calls')} or {ask.by('tag', 'yunfu_task_tag_calls')})"
    title = Text("Tags since the task began, top 10", "标签前 10（任务全程）")
    return _shares(panels, title, Text("Tag", "标签"), "tag", expr, ask.value("yunfu_task_answered_calls"), sort=True)


def _shares(panels: Panels, title: Text, header: Text, label: str, expr: str, whole: str, *, sort: bool) -> table.Panel:
    """Return a table of calls by a label, with their share of a whole."""
    mapping = [mapped(label_mappings(label, panels.language))] if label in VOCABULARIES else []
    share = f"({expr}) / on () group_left () ({whole} > 0)"
    rows = [
        Rows(expr, {label: Column(header, 124, mapping)}, Column(COUNT_N, 58, COUNT), "count"),
        Rows(
            share,
            value=Column(Text("Share", "占比"), 0, [*SHARE, *_bar(), Property("max", 1)], least=120),
            value_name="share",
        ),
    ]
    description = Text(
        "Answered calls by what they came to, as the platform counts them, and their share of all that are counted here; "
        "of tags, the share of the answered calls, of which one can have several.",
        "按平台统计的已接通呼叫分类数量，及其占本表合计的比例；标签为占已接通呼叫的比例，一通呼叫可有多个标签。",
    )
    return make_table(panels, title, description, rows, sort=COUNT_N if sort else None, empty=NO_STATISTICS)


def _bar() -> list[Property]:
    return [*cell("gauge"), Property("min", 0), fixed(NEUTRAL)]


def progress(panels: Panels) -> timeseries.Panel:
    """Show how far the list is worked off."""
    waiting = Text("Numbers waiting (n)", "等待呼叫的号码（n）")
    graph = panels.timeseries(
        Text("Progress over time", "外呼进度变化"),
        Text(
            "Share of the list that is done, and how many numbers still wait for a call.",
            "名单完成比例，以及仍在等待呼叫的号码数。",
        ),
        "percentunit",
        Query(ask.value("yunfu_task_numbers", 'status="waiting"'), waiting),
        Query(ask.value("yunfu_task_progress_ratio"), PROGRESS),
    ).min(0)
    graph.override_by_name(panels.say(PROGRESS), [fixed(NEUTRAL), Property("max", 1)])
    return graph.override_by_name(
        panels.say(waiting), [fixed(QUIET), *COUNT, *custom(axisPlacement="right", fillOpacity=0)]
    )
