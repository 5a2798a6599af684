"""The table of the accounts: whether the platform serves them, and who uses the quota of their tokens."""

from grafana_foundation_sdk.builders import table

from exporter.words.text import Text
from grafana.api import GRANTED, LIMIT, OTHERS, OURS, REQUESTS, quota_used, wait_per_call
from grafana.board import WINDOW
from grafana.palette import BAD, OKAY, WARN, number_mappings
from grafana.panels import Panels
from grafana.queries import ALL, chosen, per_account
from grafana.tables import COUNT, LEFT, SHARE, Column, Rows, cell, make_table, mapped, thresholds, unit
from grafana.words import ACCOUNT


def accounts_table(panels: Panels) -> table.Panel:
    """Return the table of the accounts: served or not, their tasks, and who uses their quota."""
    calls = f"sum by (account) (increase({chosen(f'{REQUESTS}_count')}[{WINDOW}]))"
    failures = f"sum by (account) (increase({chosen('yunfu_exporter_api_failures_total')}[{WINDOW}]))"
    running = ALL.value("yunfu_task_state", of='state="running"')
    served = number_mappings(
        {1: (Text("Reachable", "正常"), OKAY), 0: (Text("Unreachable", "无法使用"), BAD)}, panels.language
    )
    expiry = [*unit("s", 1), *cell("color-text"), *thresholds(BAD, {86400: WARN, 7 * 86400: "text"})]
    up = Column(
        Text("API", "接口"), 96, [mapped(served), *LEFT, *cell("color-background"), *thresholds("transparent", {})]
    )
    valid = f"{per_account(chosen('yunfu_account_token_expiry_timestamp_seconds'))} - time()"
    listed = f"time() - {per_account(chosen('yunfu_account_discovery_last_success_timestamp_seconds'))}"
    tasks, left_out = ALL.value("yunfu_task_info"), per_account(chosen("yunfu_account_tasks_left_out"))
    waited = wait_per_call("sum by (account)", "increase", WINDOW)
    rows = [
        Rows(f"min by (account) ({chosen('yunfu_account_up')})", {"account": Column(ACCOUNT)}, up, "up"),
        Rows(valid, {}, Column(Text("Token", "有效期"), 90, expiry), "expiry"),
        Rows(f"count by (account) ({tasks})", {}, Column(Text("Tasks", "任务数"), 58, COUNT), "tasks"),
        Rows(f"sum by (account) ({running})", {}, Column(Text("Running", "外呼中"), 72, COUNT), "running"),
        Rows(left_out, {}, Column(Text("Left out", "未采集"), 80, COUNT), "left_out"),
        Rows(listed, {}, Column(Text("List age", "列表时效"), 80, unit("s", 0)), "discovery"),
        Rows(f"{failures} / ({calls} > 0)", {}, Column(Text("Failed", "失败率"), 66, SHARE), "failed"),
        Rows(waited, {}, Column(Text("Wait", "等待"), 60, unit("s", 0)), "waited"),
        Rows(GRANTED, {}, Column(Text("Granted", "平台允许"), 76, COUNT), "granted"),
        Rows(OTHERS, {}, Column(Text("Others'", "其他程序"), 76, COUNT), "others"),
        Rows(OURS, {}, Column(Text("Ours", "本程序"), 56, COUNT), "ours"),
        Rows(LIMIT, {}, Column(Text("Limit", "限速"), 62, COUNT), "limit"),
        Rows(quota_used(), {}, Column(Text("Used", "使用率"), 62, SHARE), "quota"),
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
