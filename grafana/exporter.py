"""The exporter: can its figures be trusted, and if not, is it the API, the quota or the exporter itself."""

from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries

from exporter.words.text import Text
from grafana import api
from grafana.board import Board
from grafana.palette import BAD, GOOD, NEUTRAL, NOTHING, OKAY, QUIET, STALE, fixed, number_mappings
from grafana.panels import FEW_STEPS, Panels, Query, line, shades, stacked, steps
from grafana.queries import ALL, count
from grafana.tables import COUNT, LEFT, SHARE, Column, Rows, cell, make_table, mapped, unit
from grafana.words import Language

EVER: Final = "max_over_time(yunfu_exporter_build_info[$__range])"
"""All exporters of the time range, those that are down now too."""
OURS: Final = f"and on (job, instance) {EVER}"
POLLED: Final = ALL.value("yunfu_task_poll_interval_seconds")


def build(language: Language) -> Board:
    """Return the dashboard."""
    board = Board(
        language,
        "exporter",
        Text("Yunfu · Exporter", "云蝠外呼 · 采集器"),
        Text(
            "Whether the figures can be trusted: freshness, API, quota, scrapes, resources.",
            "数据是否可信：新鲜度、接口、配额、抓取与资源。",
        ),
    )
    board.account_variable()
    board.window_variable()
    board.mark_alerts()
    board.mark_restarts()
    board.link("overview", Text("Overview", "总览"))
    board.link_other_language()
    panels = Panels(language)
    for tile in (_down, _stale, api.failed_tile, api.lag_tile, api.quota_tile, _reload):
        board.add(tile(panels), width=4, height=4)
    board.row(Text("Freshness", "数据新鲜度"))
    board.add(_age(panels), width=12, height=8)
    board.add(_fresh(panels), width=12, height=8)
    board.row(Text("The platform's API", "平台接口"))
    for graph in (api.latency, api.latency_map, api.calls, api.failures):
        board.add(graph(panels), width=12, height=8)
    board.row(Text("Quota and schedule", "配额与调度"))
    board.add(api.quotas(panels), width=24, height=5)
    for graph in (api.quota_shared, api.quota):
        board.add(graph(panels), width=12, height=8)
    for graph in (api.waits, api.lags, api.unread):
        board.add(graph(panels), width=8, height=7)
    board.row(Text("Scrapes and process", "抓取与进程"))
    board.add(_exporters(panels), width=24, height=5)
    for graph in (_samples, _scrape_time, _memory, _cpu):
        board.add(graph(panels), width=6, height=7)
    return board


def _down(panels: Panels) -> stat.Panel:
    panel = panels.stat(
        Text("Down", "不可用"),
        Text(
            "Exporters that were seen in the time range and that Prometheus cannot scrape now.",
            "所选时间范围内出现过、但 Prometheus 当前无法抓取的采集器数。",
        ),
        "none",
        Query(count(f"(up {OURS}) == 0", f"up {OURS}"), instant=True),
    )
    panel.no_value(panels.say(Text("No yunfu_ metrics: is it scraped?", "没有 yunfu_ 指标：是否被抓取？")))
    return steps(panel, NOTHING, {0: GOOD, 1: BAD})


def _stale(panels: Panels) -> stat.Panel:
    panel = panels.stat(
        Text("Stale tasks", "数据过期"),
        Text(
            "Tasks whose statistics are overdue, and of how many that are polled.",
            "已超时未能成功采集统计数据的任务数，以及采集的任务总数。",
        ),
        "none",
        Query(count(ALL.stale(), POLLED), Text("Overdue", "已过期"), instant=True),
        Query(f"count({POLLED})", Text("Polled", "采集中"), instant=True),
    )
    panel.override_by_query("B", [fixed(NOTHING)])
    return steps(panel, NOTHING, {0: GOOD, 1: STALE})


def _reload(panels: Panels) -> stat.Panel:
    loaded = {1: (Text("Loaded", "已加载"), GOOD), 0: (Text("Refused", "加载失败"), BAD)}
    panel = panels.stat(
        Text("Config", "配置"),
        Text(
            "Whether the last load of the configuration worked. If it was refused, the previous one is still in use.",
            "最近一次配置加载是否成功。若失败，仍沿用之前的配置。",
        ),
        "none",
        Query("min(yunfu_exporter_config_last_reload_successful)", instant=True),
    )
    return steps(panel, NOTHING).mappings(number_mappings(loaded, panels.language))


def _age(panels: Panels) -> timeseries.Panel:
    age = f"time() - {ALL.value('yunfu_task_last_success_timestamp_seconds')}"
    dialling = f"({age}) and on (account, task) ({ALL.dialling()})"
    interval = f"max({POLLED} and on (account, task) ({ALL.dialling()}))"
    panel = panels.timeseries(
        Text("Age of the statistics of dialling tasks", "外呼中任务的统计数据时效"),
        Text(
            "Minutes since the last successful poll of dialling tasks, and the longest interval at which they are polled:"
            " an age much beyond the interval is overdue.",
            "外呼中任务距上次成功采集的分钟数，以及最长的采集间隔；远超间隔即为过期。",
        ),
        "m",
        Query(f"max({dialling}) / 60", Text("Oldest", "最旧")),
        Query(f"quantile(0.5, {dialling}) / 60", Text("Median", "中位数")),
        Query(f"({interval}) / 60", Text("Longest interval", "最长采集间隔")),
    )
    for ref, colour in (("A", STALE), ("B", NEUTRAL), ("C", QUIET)):
        panel.override_by_query(ref, [fixed(colour)])
    return panel.min(0).max_data_points(FEW_STEPS)


def _fresh(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("Polled tasks", "采集的任务"),
        Text(
            "Tasks with and without fresh statistics, stacked; the line counts those whose last poll failed.",
            "统计数据有效与过期的任务数（堆叠）；折线为最近一次采集失败的任务数。",
        ),
        "none",
        Query(count(ALL.threshold(), POLLED), Text("Fresh", "有效")),
        Query(count(ALL.stale(), POLLED), Text("Overdue", "已过期")),
        Query(
            count(f"{ALL.value('yunfu_task_up')} == 0", POLLED),
            Text("Last poll failed", "最近一次采集失败"),
        ),
    )
    for ref, colour in (("A", GOOD), ("B", STALE), ("C", BAD)):
        panel.override_by_query(ref, [fixed(colour)])
    return stacked(panel).override_by_query("C", line()).decimals(0).min(0)


def _samples(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("Samples per scrape", "每次抓取的样本数"),
        Text("How large the page of each exporter is.", "各采集器指标页的大小。"),
        "short",
        Query(f"scrape_samples_scraped {OURS}", "{{instance}}"),
    )
    return shades(panel.min(0))


def _scrape_time(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("Duration of scrapes", "抓取耗时"),
        Text("How long Prometheus takes to read the page.", "Prometheus 读取指标页所需时间。"),
        "s",
        Query(f"scrape_duration_seconds {OURS}", "{{instance}}"),
    )
    return shades(panel.min(0))


def _memory(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("Memory", "内存"),
        Text("Resident memory of each exporter's process.", "各采集器进程的常驻内存。"),
        "bytes",
        Query(f"process_resident_memory_bytes {OURS}", "{{instance}}"),
    )
    return shades(panel.min(0))


def _cpu(panels: Panels) -> timeseries.Panel:
    panel = panels.timeseries(
        Text("CPU", "CPU 占用"),
        Text("Processor time used: 100 % is one core.", "处理器占用，100% 为一个核。"),
        "percentunit",
        Query(f"rate(process_cpu_seconds_total[$__rate_interval]) {OURS}", "{{instance}}"),
    )
    return shades(panel.min(0))


def _exporters(panels: Panels) -> table.Panel:
    words = {1: (Text("Up", "正常"), OKAY), 0: (Text("Down", "不可用"), BAD)}
    up = [mapped(number_mappings(words, panels.language)), *LEFT, *cell("color-background")]
    started, loaded = "process_start_time_seconds", "yunfu_exporter_config_last_reload_success_timestamp_seconds"
    restarts = _each(f"changes({started}[$__range]) {OURS}")
    running = [
        Rows(
            f"time() - {_each(f'{started} {OURS}')}",
            {},
            Column(Text("Running for", "已运行"), 102, unit("s", 0)),
            "uptime",
        ),
        Rows(restarts, {}, Column(Text("Restarts", "重启次数"), 78, COUNT), "restarts"),
        Rows(f"time() - {_each(loaded)}", {}, Column(Text("Config loaded", "配置加载于"), 110, unit("s", 0)), "loaded"),
        Rows(
            f"clamp_min({_each(f'changes({loaded}[$__range])')} - {restarts}, 0)",
            {},
            Column(Text("Reloads", "重载次数"), 78, COUNT),
            "reloads",
        ),
        Rows(
            f"{_each(f'process_open_fds {OURS}')} / {_each(f'process_max_fds {OURS}')}",
            {},
            Column(Text("File handles", "文件句柄"), 101, SHARE),
            "files",
        ),
    ]
    return make_table(
        panels,
        Text("Exporters", "采集器"),
        Text(
            "The exporters of the time range: what runs, since when, and how often it was restarted or loaded its configuration anew.",
            "所选时间范围内的采集器：版本、运行时长、重启与重新加载配置的次数。",
        ),
        [
            Rows(
                f"max by (instance, version, python_version) ({EVER} and on (job, instance) up)",
                {
                    "instance": Column(Text("Instance", "实例"), least=120),
                    "version": Column(Text("Version", "版本"), 76),
                    "python_version": Column(Text("Python", "Python"), 72),
                },
            ),
            Rows(_each(f"up {OURS}"), {}, Column(Text("Scraped", "抓取"), 78, up), "up"),
            Rows(_each("yunfu_exporter_shard_ordinal"), {}, Column(Text("Shard", "分片"), 62, COUNT), "shard"),
            Rows(_each("yunfu_exporter_shards"), {}, Column(Text("Shards", "分片数"), 70, COUNT), "shards"),
            *running,
        ],
    )


def _each(expr: str) -> str:
    """Return one series an exporter."""
    return f"max by (instance) ({expr})"
