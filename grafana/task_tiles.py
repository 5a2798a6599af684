"""The tiles at the top of the dashboard of one task, and the day's verdicts below them."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import common, stat
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from exporter.words.text import Text
from grafana import one_task as ask
from grafana import task_verdict
from grafana.board import uid
from grafana.palette import BAD, GOOD, NOTHING, QUIET, STALE, WARN, fixed, number_mappings
from grafana.panels import Panels, Query, steps
from grafana.tables import COUNT, mapped, unit
from grafana.words import ANSWER_RATE, CALLS, PROGRESS, STATE, THRESHOLD

DONE, PAUSED, STANDS = 1, 2, 3
_NO_FINISH = {
    DONE: (Text("Done", "已完成"), QUIET),
    PAUSED: (Text("Paused", "已暂停"), QUIET),
    STANDS: (Text("No progress now", "目前无进展"), QUIET),
}
"""Instead of the moment of the projected finish, which is later than any of these numbers."""


def all_tiles(panels: Panels) -> Iterator[tuple[Builder[dashboard.Panel], int, int]]:
    """Yield the tiles, each with its width and height."""
    yield task_verdict.tile(panels).data_links([_link(panels, Text("Overview", "总览"), "overview")]), 9, 4
    alerts = build.DashboardLink(panels.say(Text("Alerts in Grafana", "在 Grafana 中查看告警"))).url("/alerting/list")
    yield task_verdict.alerts(panels).data_links([alerts]), 6, 4
    yield _rate(panels), 9, 4
    yield _state(panels), 4, 4
    yield _progress(panels), 11, 4
    yield _under_threshold(panels), 5, 4
    yield _age(panels).data_links([_link(panels, Text("Exporter", "采集器"), "exporter")]), 4, 4
    yield task_verdict.timeline(panels), 24, 4


def _link(panels: Panels, title: Text, name: str) -> build.DashboardLink:
    url = f"/d/{uid(name, panels.language)}?var-datasource=${{datasource}}&var-account=${{account}}&var-window=${{window}}"
    return build.DashboardLink(panels.say(title)).url(f"{url}&${{__url_time_range}}")


def _tile(
    panels: Panels, title: Text, description: Text, unit: Text | str, *queries: tuple[str, Text | str, str]
) -> stat.Panel:
    """Return a tile that shows those of the queries that have a value, each with a name and a colour of its own."""
    asked = [Query(expr, name, instant=True) for expr, name, _ in queries]
    panel = panels.stat(title, description, unit, *asked).no_value(panels.no_data())
    for letter, (_, _, colour) in zip("ABCDEFGH", queries, strict=False):
        panel.override_by_query(letter, [fixed(colour)])
    return steps(panel.text(common.VizTextDisplayOptions().title_size(14).value_size(24)), QUIET)


def _rate(panels: Panels) -> stat.Panel:
    rate, sure = ask.answer_rate(), ask.is_surely_low()
    panel = _tile(
        panels,
        Text("Answer rate, past $window", "最近 $window接通率"),
        Text(
            "Answered calls as a share of all calls, the task's threshold, and the calls (n) that the rate is based on. Red: under the "
            "threshold by more than chance allows; orange: under it, but that may be chance; grey: no threshold without fresh data.",
            "已接通呼叫占全部呼叫的比例、该任务的阈值，以及接通率的样本量（n）。红色：低于阈值且超出随机波动；橙色：低于阈值，但可能是随机波动；灰色：数据过期，没有阈值可比。",
        ),
        "percentunit",
        (f"{rate} and {sure}", ANSWER_RATE, BAD),
        (f"({ask.is_low()}) unless ({sure})", ANSWER_RATE, WARN),
        (f"{rate} >= {ask.threshold()}", ANSWER_RATE, GOOD),
        (f"({rate}) unless on () {ask.threshold()}", ANSWER_RATE, NOTHING),
        (ask.threshold(), THRESHOLD, NOTHING),
        (f"{ask.calls()} or {ask.threshold()} * 0", CALLS, NOTHING),
    )
    panel.decimals(1).override_by_query("F", COUNT)
    return panel.text_mode(options.BigValueTextMode.VALUE_AND_NAME)


def _state(panels: Panels) -> stat.Panel:
    state = f"{ask.by('state', 'yunfu_task_state')} == 1"
    panel = _tile(
        panels,
        STATE,
        Text("The state in which the platform lists the task.", "平台列出的任务状态。"),
        "none",
        (f'{state} or on () label_replace(vector(0), "state", "–", "", "")', "{{state}}", QUIET),
    )
    panel.text(common.VizTextDisplayOptions().title_size(22))
    return panels.name_series(panel.text_mode(options.BigValueTextMode.NAME), "state")


def _progress(panels: Panels) -> stat.Panel:
    none = ask.first_of(
        [
            (DONE, ask.is_done()),
            (PAUSED, ask.is_state("paused")),
            (STANDS, f"{ask.value('yunfu_task_progress_ratio')} unless ({ask.time_left()})"),
        ]
    )
    finish = f"{none} or 1000 * (time() + {ask.time_left()})"
    panel = _tile(
        panels,
        Text("Progress and projected finish", "外呼进度与预计完成时间"),
        Text(
            "The share of the list that is done, as the platform reports it; the numbers that still wait for a call; and, at the pace of "
            "the past $window, how much dialling is left and when it is done if it goes on without a break. Nights and breaks come on top.",
            "平台报告的名单完成比例、仍在等待呼叫的号码数；以及按最近 $window的速度推算的剩余外呼时长、不间断外呼时的完成时间。夜间与休息时段另计。",
        ),
        "percentunit",
        (ask.value("yunfu_task_progress_ratio"), PROGRESS, NOTHING),
        (ask.value("yunfu_task_numbers", 'status="waiting"'), Text("Numbers left", "剩余号码"), NOTHING),
        (finish, Text("Done by", "完成于"), NOTHING),
        (
            f"{ask.time_left()} / 3600 unless on () ({ask.is_done()} or {ask.is_state('paused')})",
            Text("Time left", "剩余时长"),
            NOTHING,
        ),
    )
    panel.override_by_query("A", [Property("decimals", 0)]).override_by_query("B", COUNT)
    words = mapped(number_mappings(_NO_FINISH, panels.language))
    panel.override_by_query("C", [words, *unit("time:MM-DD HH:mm")])
    panel.override_by_query("D", unit("suffix: h", 1))
    return panel.text_mode(options.BigValueTextMode.VALUE_AND_NAME)


def _under_threshold(panels: Panels) -> stat.Panel:
    panel = _tile(
        panels,
        Text("Time too low", "过低时间占比"),
        Text(
            "Of the time within the time range in which the task called: the share in which its answer rate over $window was under the "
            "threshold, and the share in which it was so by more than chance allows.",
            "在所选时间范围内有呼叫的时间中，接通率（滚动 $window）低于阈值的时间占比，以及其中超出随机波动的占比。",
        ),
        "percentunit",
        (ask.time_share(ask.is_low("< bool")), Text("Under", "低于阈值"), NOTHING),
        (ask.time_share(ask.is_surely_low("< bool")), Text("Proven", "确定过低"), NOTHING),
    )
    return panel.decimals(0).text_mode(options.BigValueTextMode.VALUE_AND_NAME)


def _age(panels: Panels) -> stat.Panel:
    age = f"time() - {ask.value('yunfu_task_last_success_timestamp_seconds')}"
    overdue = f"{age} > 2 * {ask.value('yunfu_task_poll_interval_seconds')}"
    panel = _tile(
        panels,
        Text("Age of data", "数据时间"),
        Text(
            "Since the statistics were last read. Orange: overdue by more than a poll interval; violet: stale.",
            "距上次成功读取统计的时间。橙色：逾期超过一个采集间隔；紫色：已判为过期。",
        ),
        "s",
        (f"({age}) unless ({overdue})", "", NOTHING),
        (f"({overdue}) and {ask.threshold()}", "", WARN),
        (f"({age}) and ({ask.is_stale()})", "", STALE),
    )
    return panel.decimals(0)
