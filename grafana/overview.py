"""The overview: which tasks are in trouble, and why."""

from grafana.board import Board
from grafana.palette import NEUTRAL
from grafana.panels import Panels, Query, steps
from grafana.queries import chosen, per_task
from grafana.words import Language, Text


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "overview",
        Text("Yunfu · Overview", "云蝠外呼 · 总览"),
        Text("Which tasks are in trouble, and why.", "哪些外呼任务出了问题，原因是什么。"),
    )
    board.account_variable()
    board.link("exporter", Text("Exporter", "采集器"))
    board.link_other_language()
    panels = Panels(language)
    running_tasks = per_task(chosen("yunfu_task_state", 'state="running"'))
    running = panels.stat(
        Text("Running tasks", "外呼中的任务"),
        Text("Tasks that are dialling now.", "当前正在外呼的任务数。"),
        "none",
        Query(f"sum({running_tasks}) or vector(0)", instant=True),
    )
    board.add(steps(running, NEUTRAL), width=4, height=4)
    return board
