"""The exporter: can its figures be trusted, and if not, is it the API, the quota or the exporter itself."""

from grafana.board import Board
from grafana.panels import Panels, Query
from grafana.words import Language, Text


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "exporter",
        Text("Yunfu · Exporter", "云蝠外呼 · 采集器"),
        Text(
            "Whether the figures can be trusted: freshness, API, quota, resources.",
            "数据是否可信：新鲜度、接口、配额、资源。",
        ),
    )
    board.account_variable()
    board.link("overview", Text("Overview", "总览"))
    board.link_other_language()
    panels = Panels(language)
    memory = panels.timeseries(
        Text("Memory", "内存"),
        Text("Resident memory of the exporter's process.", "采集器进程的常驻内存。"),
        "bytes",
        Query("process_resident_memory_bytes and on (instance, job) yunfu_exporter_build_info", "{{instance}}"),
    )
    board.add(memory, width=12, height=8)
    return board
