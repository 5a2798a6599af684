"""The table of the accounts: whether the platform serves them, and who uses the quota of their tokens."""

from grafana_foundation_sdk.builders import table

from exporter.words.text import Text
from grafana.api import quota_used
from grafana.board import WINDOW
from grafana.palette import BAD, OKAY, WARN, number_mappings
from grafana.panels import Panels
from grafana.queries import ALL, chosen, per_account
from grafana.tables import COUNT, LEFT, SHARE, Column, Rows, cell, make_table, mapped, thresholds, unit
from grafana.words import ACCOUNT


def accounts_table(panels: Panels) -> table.Panel:
    """Return the table of the accounts: served or not, their tasks, and who uses their quota."""
    requests = chosen("yunfu_exporter_api_request_duration_seconds_count")
    failures = chosen("yunfu_exporter_api_failures_total")
    waited = chosen("yunfu_exporter_api_throttled_seconds_total")
    calls = f"sum by (account) (increase({requests}[{WINDOW}]))"
    running = ALL.value("yunfu_task_state", of='state="running"')
    served = number_mappings(
        {1: (Text("Reachable", "正常"), OKAY), 0: (Text("Unreachable", "无法使用"), BAD)}, panels.language
    )
    expiry = [*unit("s", 1), *cell("color-text"), *thresholds(BAD, {86400: WARN, 7 * 86400: "text"})]
    up = Column(
        Text("API", "接口"), 96, [mapped(served), *LEFT, *cell("color-background"), *thresholds("transparent", {})]
    )
    rows = [
        Rows(f"min by (account) ({chosen('yunfu_account_up')})", {"account": Column(ACCOUNT)}, up, "up"),
        *(
            Rows(expr, {}, Column(Text(english, chinese), width, properties), name)
            for name, english, chinese, width, properties, expr in (
                (
                    "expiry",
                    "Token",
                    "有效期",
                    90,
                    expiry,
                    f"{_told('yunfu_account_token_expiry_timestamp_seconds')} - time()",
                ),
                ("tasks", "Tasks", "任务数", 58, COUNT, f"count by (account) ({ALL.value('yunfu_task_info')})"),
                ("running", "Running", "外呼中", 72, COUNT, f"sum by (account) ({running})"),
                ("left_out", "Left out", "未采集", 80, COUNT, _told("yunfu_account_tasks_left_out")),
                (
                    "discovery",
                    "List age",
                    "列表时效",
                    80,
                    unit("s", 0),
                    f"time() - {_told('yunfu_account_discovery_last_success_timestamp_seconds')}",
                ),
                (
                    "failed",
                    "Failed",
                    "失败率",
                    66,
                    SHARE,
                    f"sum by (account) (increase({failures}[{WINDOW}])) / ({calls} > 0)",
                ),
                (
                    "waited",
                    "Wait",
                    "等待",
                    60,
                    unit("s", 0),
                    f"sum by (account) (increase({waited}[{WINDOW}])) / ({calls} > 0)",
                ),
                ("granted", "Granted", "平台允许", 76, COUNT, _told("yunfu_account_quota_limit")),
                ("others", "Others'", "其他程序", 76, COUNT, _told("yunfu_account_quota_others")),
                ("ours", "Ours", "本程序", 56, COUNT, f"60 * sum by (account) (rate({requests}[$__rate_interval]))"),
                ("limit", "Limit", "限速", 62, COUNT, f"60 * {_told('yunfu_account_rate_limit')}"),
                ("quota", "Used", "使用率", 62, SHARE, quota_used()),
            )
        ),
    ]
    return make_table(
        panels,
        Text("Accounts, and API calls per minute", "账号与每分钟接口调用数"),
        Text(
            "Whether the platform serves each account, for how long its token is valid, its tasks, tasks left out, and when its lists were read. Of the last $window: the share of API calls"
            " that failed, and how long one waits for the quota. Calls per minute: what the platform grants the token, what other programs used in the busiest of the last"
            " minutes, what this exporter makes, its own limit and how much of that it uses. Empty where the platform does not say.",
            "各账号的接口是否可用、token 剩余有效期、任务数、外呼中、超限未采集的任务数、任务列表多久前读取。最近 $window：接口调用失败率，以及每次调用等待配额的时间。"
            "每分钟调用数：平台允许该 token 的次数、其他程序最近最忙一分钟的用量、本 exporter 的用量、自身限速及其使用率。平台未注明时为空。",
        ),
        rows,
        empty=Text("No accounts", "没有账号"),
    )


def _told(metric: str) -> str:
    return per_account(chosen(metric))
