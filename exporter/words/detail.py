"""Texts of a task's page, why a metric of it is absent, and why there is no page."""

from typing import Final

from exporter.words.text import Text

DETAIL: Final = {
    "detail.figures": Text("Figures", "关键数据"),
    "detail.facts": Text("Facts", "基本信息"),
    "detail.grafana": Text("Over time, in Grafana", "在 Grafana 中查看趋势"),
    "detail.id": Text("Task id", "任务 ID"),
    "detail.sub_account": Text("Sub-account", "子账号"),
    "detail.kind": Text("Kind", "任务类型"),
    "detail.generation": Text("Generation", "任务版本"),
    "detail.created": Text("Created", "创建时间"),
    "detail.concurrency": Text("Concurrent calls", "并发上限"),
    "detail.threshold": Text("Threshold of the answer rate", "接通率阈值"),
    "detail.interval": Text("Polled every", "采集间隔"),
    "detail.not_polled": Text("not polled", "不采集"),
    "detail.last_success": Text("Last success", "上次成功"),
    "detail.never": Text("never", "从未"),
    "detail.why": Text("Why is a series missing?", "缺少哪些指标，为什么"),
    "detail.gone": Text(
        "Nothing of this task is on /metrics any more: the platform has not known it since {since}.",
        "此任务已完全从 /metrics 移除：平台自{since}起已没有它。",
    ),
    "detail.leaving": Text(
        "The platform has not known this task since {since}; all of it leaves /metrics {leaves}.",
        "平台自{since}起已没有此任务；它将于{leaves}从 /metrics 完全移除。",
    ),
    "detail.unpolled": Text(
        "The task is known but not polled, because discovery.states does not include {state}. /metrics has only its "
        "info and state, and what was read earlier until that is stale.",
        "已知此任务，但不采集，因为 discovery.states 不含“{state}”。/metrics 上只有它的基本信息和状态（以及尚未过期的旧数据）。",
    ),
    "detail.new": Text(
        "The task has not been polled yet; its statistics appear with the first poll that works.",
        "任务尚未采集；首次采集成功后才有统计数据。",
    ),
    "detail.never_read": Text(
        "No poll of the task has worked yet, so there are no statistics.", "该任务从未采集成功，因此没有统计数据。"
    ),
    "detail.stale": Text(
        "The statistics left /metrics {since}: no poll has worked since {success}, and stale_after has passed. They come "
        "back with the next poll that works.",
        "统计数据已于{since}从 /metrics 移除：自{success}起没有成功的采集，且已超过 stale_after。下次采集成功后恢复。",
    ),
    "detail.fresh": Text(
        "Everything the platform reported {success} is on /metrics: {n} series. What it did not report has no series; the table says why.",
        "{success}平台返回的数据都在 /metrics 上，共 {n} 条时间序列。平台没有返回的数据没有时间序列，原因见下表。",
    ),
    "detail.unknown": Text(
        "The platform's last answer has fields that the exporter does not know: {fields}.",
        "平台最近的应答中有 exporter 不认识的字段：{fields}。",
    ),
    "detail.restart": Text(
        "Counters (…_total) begin at 0 when the exporter starts, and count only growth between two polls.",
        "计数器（…_total）在 exporter 启动时从 0 开始，只累计两次采集之间的增量。",
    ),
    "detail.series": Text("Every value on /metrics", "/metrics 上的全部取值"),
    "detail.absent": Text("Missing metrics", "缺失的指标"),
    "detail.reason": Text("Why it is missing", "缺失的原因"),
    "detail.metric": Text("Metric", "指标"),
    "detail.values": Text("Values", "取值"),
    "detail.lines": Text("Lines on /metrics", "/metrics 原文"),
    "detail.no_lines": Text("Nothing of this task is on /metrics.", "/metrics 上没有此任务的内容。"),
    "detail.window": Text("Window {window}:", "窗口 {window}："),
    "detail.polls": Text("Last polls", "最近的采集"),
    "detail.polls_none": Text("There was no poll since the exporter started.", "exporter 启动以来还没有采集。"),
    "detail.polls_note": Text(
        "Time ({zone}), duration including the wait for the quota, and outcome; the newest first, at most 20.",
        "依次为时间（{zone}）、耗时（含等待配额）和结果；最新的在前，最多 20 次。",
    ),
    "detail.request": Text("Last request", "最近一次请求"),
    "detail.request_none": Text("None since the exporter started.", "exporter 启动以来还没有请求。"),
    "request.path": Text("Path", "路径"),
    "request.status": Text("HTTP status", "HTTP 状态码"),
    "request.status_none": Text("no answer", "无应答"),
    "request.size": Text("Size", "大小"),
    "request.bytes": Text("{n} bytes", "{n} 字节"),
    "request.time": Text("Time", "时间"),
    "request.took": Text("{at}, took {seconds}", "{at}，耗时 {seconds}"),
    "request.read": Text("Fields read", "读到的字段"),
    "request.missing": Text("Missing fields", "缺少的字段"),
    "request.unread": Text("Unreadable fields", "无法识别的字段"),
    "request.unknown": Text("Unknown fields", "未知字段"),
    "polls.ok": Text("read", "成功"),
}

ABSENCE: Final = {
    "absent.unpolled": Text("The task is not polled.", "任务未采集。"),
    "absent.gone": Text("The platform does not know the task any more.", "平台上已没有此任务。"),
    "absent.untried": Text("It has not been polled yet.", "尚未采集。"),
    "absent.not_read": Text("No poll has worked yet.", "尚未有成功的采集。"),
    "absent.stale": Text("The numbers were too old to be shown.", "数据过旧，已移除。"),
    "absent.not_told": Text("The platform's last answer did not contain it.", "平台最近的应答中没有此项。"),
    "absent.empty": Text("The platform's last answer lists none.", "平台最近的应答中列表为空。"),
    "absent.missing": Text(
        "The platform's last answer does not have the documented field at all ({fields}).",
        "平台最近的应答中完全没有文档所列的字段（{fields}）。",
    ),
    "absent.unread": Text(
        "The platform's last answer had it in a form that cannot be read ({fields}); yunfu_exporter_unread_fields_total counts these.",
        "平台最近的应答中此项格式无法识别（{fields}）；yunfu_exporter_unread_fields_total 对此计数。",
    ),
    "absent.not_listed": Text(
        "The platform's list does not contain it, or is not read.", "平台的任务列表没有此项，或未读取列表。"
    ),
    "absent.window_none": Text("No window is configured (windows).", "未配置统计窗口（windows）。"),
    "absent.window_over": Text("Its windows are over or stale.", "窗口已结束或数据过旧。"),
    "absent.uncounted": Text("Nothing to count has been reported yet.", "尚无可计数的数据。"),
}

MISSING: Final = {
    "missing.title": Text("There is no such page", "页面不存在"),
    "missing.bad_id": Text(
        "A task is addressed by its account and its UUID, as the platform shows it: task?account=main&task=61551b2c-….",
        "任务由账号和平台显示的 UUID 指定：task?account=main&task=61551b2c-…。",
    ),
    "missing.account": Text(
        "No account is called “{account}”. Configured: {known}.", "没有名为“{account}”的账号。现有：{known}。"
    ),
    "missing.no_account": Text("No account is running yet.", "还没有运行中的账号。"),
    "missing.task": Text(
        "The exporter knows no task {task} in account {account}.", "账号 {account} 下没有任务 {task}。"
    ),
    "missing.elsewhere": Text("It is a task of another account:", "它属于另一个账号："),
    "missing.discovery_off": Text(
        "Discovery is off for this account: only the tasks that the configuration lists are polled.",
        "该账号未启用任务发现：只采集配置中列出的任务。",
    ),
    "missing.not_listed": Text(
        "The platform's lists, read {ago}, do not have it. Was it deleted, is it a sub-account's (discovery.sub_accounts), or "
        "is it of a generation that is not listed (discovery.generations)?",
        "平台任务列表（{ago}读取）中没有它。它可能已删除，或属于子账号（discovery.sub_accounts），或属于未读取的任务版本（discovery.generations）。",
    ),
    "missing.not_discovered": Text("The platform's lists have not been read yet.", "尚未读到平台的任务列表。"),
    "missing.too_many": Text(
        "Or it is one of {n} tasks that include, exclude, max_tasks or another shard leave out: too many to remember each.",
        "也可能是被 include、exclude、max_tasks 排除或由其他分片采集的 {n} 个任务之一：数量太多，未逐一保存。",
    ),
}
