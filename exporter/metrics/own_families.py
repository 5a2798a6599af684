"""The tables of the exporter's own metrics and of those of the accounts: name, type, help in both languages, labels.

``instrumentation`` makes prometheus-client metrics of the rows, and the reference in the documentation is written from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from exporter.metrics.records import AccountStatus
from exporter.words.text import Text


class OwnFamily(NamedTuple):
    """A metric family with all of its labels; a counter's name ends in ``_total``.

    ``read`` gives an account's value, None for no sample; a family without it gets its values where they arise.
    """

    name: str
    type: str
    help: Text
    labels: tuple[str, ...] = ()
    read: Callable[[AccountStatus], float | None] | None = None


ACCOUNT_FAMILIES: Final[Mapping[str, OwnFamily]] = {
    family.name: family
    for family in (
        OwnFamily(
            "yunfu_account_up",
            "gauge",
            Text(
                "1 if the platform serves the account, 0 if it refuses the account or cannot be reached: if calls for three tasks or "
                "lists fail and none is answered in between. A single task that fails changes nothing.",
                "平台正常响应该账号的调用为 1；账号被拒绝或平台无法访问为 0：连续三个任务或列表的调用失败，且期间没有成功的。个别任务失败不影响此值。",
            ),
            ("account",),
            lambda status: status.up,
        ),
        OwnFamily(
            "yunfu_account_token_expiry_timestamp_seconds",
            "gauge",
            Text(
                "When the account's token expires, Unix time; no sample if the token does not say.",
                "账号 token 的过期时间（Unix 时间）；token 里没有写明时不输出。",
            ),
            ("account",),
            lambda status: status.token_expiry,
        ),
        OwnFamily(
            "yunfu_account_token_problem",
            "gauge",
            Text(
                "1 while the account's token file cannot be read and the previous token is in use, otherwise 0.",
                "账号的 token 文件无法读取、仍在使用之前的 token 时为 1，否则为 0。",
            ),
            ("account",),
            lambda status: status.token_problem,
        ),
        OwnFamily(
            "yunfu_account_discovery_last_success_timestamp_seconds",
            "gauge",
            Text(
                "When the account's list of tasks was last read completely, Unix time.",
                "上次完整读取账号任务列表的时间（Unix 时间）。",
            ),
            ("account",),
            lambda status: status.discovery_last_success,
        ),
        OwnFamily(
            "yunfu_account_discovery_interval_seconds",
            "gauge",
            Text(
                "Seconds between two readings of the account's list of tasks; no sample without discovery.",
                "两次读取账号任务列表之间的秒数；未启用自动发现时不输出。",
            ),
            ("account",),
            lambda status: status.discovery_interval,
        ),
        OwnFamily(
            "yunfu_account_rate_limit",
            "gauge",
            Text(
                "API calls per second that this exporter may make now with the account's token, for all accounts that have it.",
                "本 exporter 目前每秒可用该账号的 token 调用接口的次数，由使用同一 token 的所有账号共用。",
            ),
            ("account",),
            lambda status: status.quota.limit / 60 if status.quota else None,
        ),
        OwnFamily(
            "yunfu_account_quota_limit",
            "gauge",
            Text(
                "API calls per minute that the platform grants the account's token, as its last response said (X-RateLimit-Limit).",
                "平台允许该账号的 token 每分钟调用接口的次数，取自最近一次响应（X-RateLimit-Limit）。",
            ),
            ("account",),
            lambda status: status.quota.granted if status.quota else None,
        ),
        OwnFamily(
            "yunfu_account_quota_remaining",
            "gauge",
            Text(
                "API calls that are left of the platform's minute, as its last response said (X-RateLimit-Remaining).",
                "平台当前这一分钟剩余的调用次数，取自最近一次响应（X-RateLimit-Remaining）。",
            ),
            ("account",),
            lambda status: status.quota.remaining if status.quota else None,
        ),
        OwnFamily(
            "yunfu_account_quota_others",
            "gauge",
            Text(
                "API calls that other programs made with the account's token in the busiest of the last minutes, as responses give away.",
                "其他程序在最近几分钟里最忙的一分钟用该账号的 token 调用接口的次数，由响应推算。",
            ),
            ("account",),
            lambda status: status.quota.others if status.quota else None,
        ),
        OwnFamily(
            "yunfu_account_quota_contended",
            "gauge",
            Text(
                "1 while other programs or a throttle leave less of the quota than this exporter would use, otherwise 0.",
                "其他程序或限流使剩下的配额少于本 exporter 要用的为 1，否则为 0。",
            ),
            ("account",),
            lambda status: status.quota.is_contended if status.quota else None,
        ),
        OwnFamily(
            "yunfu_account_tasks_left_out",
            "gauge",
            Text(
                "Discovered tasks that are not polled because the account is over its max_tasks.",
                "因超过 max_tasks 而未采集的任务数。",
            ),
            ("account",),
            lambda status: status.tasks_left_out,
        ),
        OwnFamily(
            "yunfu_account_lists_lacking",
            "gauge",
            Text(
                "Task lists of discovery that the platform does not have (404), while the others are read.",
                "平台没有（返回 404）的任务列表数，其他列表照常读取。",
            ),
            ("account",),
            lambda status: status.lists_lacking,
        ),
        OwnFamily(
            "yunfu_account_tasks",
            "gauge",
            Text("Known tasks by state, polled or not.", "按状态统计的已知任务数，包括未采集的。"),
            ("account", "state"),
        ),
    )
}

EXPORTER_FAMILIES: Final[Mapping[str, OwnFamily]] = {
    family.name: family
    for family in (
        OwnFamily(
            "yunfu_exporter_api_request_duration_seconds",
            "histogram",
            Text(
                "Duration of calls to the platform's API, failed ones included; its _count is the number of calls.",
                "调用平台接口的耗时，含失败的调用；_count 就是调用次数。",
            ),
            ("account", "endpoint"),
        ),
        OwnFamily(
            "yunfu_exporter_api_failures_total",
            "counter",
            Text("Calls to the platform's API that failed, by reason.", "失败的平台接口调用数，按原因区分。"),
            ("account", "endpoint", "reason"),
        ),
        OwnFamily(
            "yunfu_exporter_api_throttled_seconds_total",
            "counter",
            Text(
                "Seconds that calls waited for the rate limit or were held back by the platform.",
                "调用因限速排队或被平台要求等待的累计秒数。",
            ),
            ("account",),
        ),
        OwnFamily(
            "yunfu_exporter_poll_lag_seconds",
            "histogram",
            Text(
                "How late polls start; seconds of lag mean that the API quota is short or calls are slow.",
                "采集比计划晚开始多久；达到数秒，说明配额不足或调用太慢。",
            ),
            ("account",),
        ),
        OwnFamily(
            "yunfu_exporter_unread_fields_total",
            "counter",
            Text(
                "Parts of the platform's responses that could not be read, by the platform's field name.",
                "平台响应中无法识别的部分，按平台的字段名统计。",
            ),
            ("account", "field"),
        ),
        OwnFamily(
            "yunfu_exporter_missing_fields_total",
            "counter",
            Text(
                "Documented parts that the platform's responses did not have at all, by the platform's field name; an empty one is not missing.",
                "平台响应中完全没有的文档所列字段，按平台的字段名统计；为空不算缺少。",
            ),
            ("account", "field"),
        ),
        OwnFamily(
            "yunfu_exporter_config_last_reload_successful",
            "gauge",
            Text(
                "1 if the last load of the configuration worked, 0 if it failed and the previous one is still in use.",
                "上次加载配置成功为 1；失败为 0，此时旧配置仍在生效。",
            ),
        ),
        OwnFamily(
            "yunfu_exporter_config_last_reload_success_timestamp_seconds",
            "gauge",
            Text("When the configuration in use was loaded, Unix time.", "当前配置的加载时间（Unix 时间）。"),
        ),
        OwnFamily(
            "yunfu_exporter_http_refusals_total",
            "counter",
            Text(
                "Requests and connections that the exporter's own port rejected, by reason.",
                "exporter 自身端口拒绝的请求和连接数，按原因区分。",
            ),
            ("reason",),
        ),
        OwnFamily(
            "yunfu_exporter_log_lines_dropped_total",
            "counter",
            Text(
                "Log lines that could not be written because nobody reads them, or the disk is full.",
                "因无人读取或磁盘已满而未能写出的日志行数。",
            ),
        ),
        OwnFamily(
            "yunfu_exporter_shard_ordinal",
            "gauge",
            Text(
                "Which shard of the tasks this exporter polls, from 0; none if it is not below yunfu_exporter_shards.",
                "本实例采集的分片序号，从 0 开始；不小于 yunfu_exporter_shards 时不采集任何任务。",
            ),
        ),
        OwnFamily(
            "yunfu_exporter_shards",
            "gauge",
            Text(
                "How many exporters share the tasks, according to this one's configuration.",
                "本实例配置中分担任务的 exporter 总数。",
            ),
        ),
        OwnFamily(
            "yunfu_exporter_links_info",
            "gauge",
            Text(
                "Configured URLs that alerts link to, always 1; no sample if none is configured.",
                "告警链接所用的地址，恒为 1；未配置时不输出。",
            ),
            ("grafana", "runbook"),
        ),
        OwnFamily(
            "yunfu_exporter_build_info",
            "gauge",
            Text("What is running, always 1.", "正在运行的版本，恒为 1。"),
            ("version", "revision", "python_version"),
        ),
    )
}
