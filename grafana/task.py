"""One task: is it in trouble, since when, and why; what its calls came to; when it will be done."""

from grafana_foundation_sdk.builders import dashboard as build_dashboard
from grafana_foundation_sdk.models import dashboard

from exporter.words.text import Text
from grafana import one_task as ask
from grafana import task_panels, task_tiles
from grafana.board import Board
from grafana.panels import DATASOURCE, Panels
from grafana.queries import chosen
from grafana.words import TASK, Language


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "task",
        Text("Yunfu · Task", "云蝠外呼 · 任务"),
        Text(
            "One task: is it in trouble, since when and why; what its calls came to; when it will be done.",
            "单个外呼任务：是否异常、从何时起、原因是什么；通话结果如何；何时完成。",
        ),
    )
    board.account_variable()
    board.variable(_task_variable(language))
    board.window_variable()
    board.variable(build_dashboard.ConstantVariable("utc_offset").value("8"))
    board.mark_alerts('task=~"$task|"')
    board.mark_restarts()
    board.link("overview", Text("Overview", "总览"))
    board.link("exporter", Text("Exporter", "采集器"))
    board.link_other_language()
    panels = Panels(language)
    for tile, width, height in task_tiles.all_tiles(panels):
        board.add(tile, width, height)
    for panel, width, height in task_panels.all_panels(panels):
        board.add(panel, width, height)
    return board


def _task_variable(language: Language) -> build_dashboard.QueryVariable:
    """Return the variable whose text is the task's name and whose value is its UUID; a task that is gone has its last names."""
    now, in_range = chosen("yunfu_task_info"), f"last_over_time({chosen('yunfu_task_info')}[{ask.RANGE}])"
    tasks = f"query_result(max by (name, task) ({now} or ({in_range} unless on (account, task) {now})))"
    return (
        build_dashboard.QueryVariable("task")
        .label(TASK.say(language))
        .datasource(DATASOURCE)
        .query({"query": tasks, "refId": "task"})
        .regex(r'/name="(?<text>[\s\S]*)",task="(?<value>[0-9a-f-]{36})"/')  # a name may hold quotes and new lines
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )
