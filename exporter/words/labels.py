"""Label values in words: what each means, in the order in which they are shown.

The values are those of the API's model and errors; the Chinese terms are the platform's own: 接通率, 外呼进度, 运营商拦截.
"""

from collections.abc import Mapping
from typing import Final

from exporter.words.text import Text

STATUSES: Final = {
    "waiting": Text("Waiting", "等待呼叫"),
    "connected": Text("Connected", "呼叫成功"),
    "carrier_blocked": Text("Blocked by carrier", "运营商拦截"),
    "rejected": Text("Rejected", "拒接"),
    "no_answer": Text("No answer", "无人接听"),
    "invalid_number": Text("Invalid number", "空号"),
    "powered_off": Text("Powered off", "关机"),
    "suspended": Text("Suspended", "停机"),
    "busy": Text("Busy", "占线"),
    "incoming_barred": Text("Incoming barred", "呼入限制"),
    "arrears": Text("In arrears", "欠费"),
    "blacklisted": Text("On blacklist", "黑名单"),
    "user_blocked": Text("Blocked by user", "用户屏蔽"),
}
"""What became of a number, by the value of the ``status`` label."""

STATES: Final = {
    "running": Text("Running", "外呼中"),
    "waiting": Text("Waiting", "等待中"),
    "paused": Text("Paused", "已暂停"),
    "unknown": Text("Unknown", "未知"),
}
"""The state of a task, by the value of the ``state`` label."""

INTENTIONS: Final = {letter: Text(f"Level {letter}", f"{letter}级") for letter in "ABCDEF"}
"""The intention of the called, by the value of the ``intention`` label. What a letter means differs by brand and customer."""

ROUNDS: Final = {
    "1": Text("1 round", "1 轮"),
    "2-5": Text("2–5 rounds", "2–5 轮"),
    "6-10": Text("6–10 rounds", "6–10 轮"),
    "11-20": Text("11–20 rounds", "11–20 轮"),
    "21+": Text("21 rounds or more", "21 轮及以上"),
}
"""The length of a conversation, by the value of the ``rounds`` label."""

OUTCOMES: Final = {"answered": Text("Answered", "已接通"), "unanswered": Text("Not answered", "未接通")}
"""The outcome of a call, by the value of the ``outcome`` label."""

REASONS: Final = {
    "timeout": Text("Timeout", "超时"),
    "connect": Text("Connection failed", "连接失败"),
    "tls": Text("TLS failed", "TLS 失败"),
    "http_401": Text("401 token refused", "401 token 无效"),
    "http_403": Text("403 forbidden", "403 无权访问"),
    "http_404": Text("404 not found", "404 不存在"),
    "http_5xx": Text("5xx platform error", "5xx 平台错误"),
    "throttled": Text("429 throttled", "429 被限流"),
    "api_error": Text("Refused by the API", "接口返回失败"),
    "malformed": Text("Unreadable answer", "响应无法解析"),
    "unknown_format": Text("Unknown format", "格式与文档不符"),
}
"""Why a call to the platform's API failed, by the value of the ``reason`` label."""

ENDPOINTS: Final = {
    "stat": Text("Task statistics", "任务统计"),
    "tasks": Text("Tasks 1.0", "1.0 任务列表"),
    "new_tasks": Text("Tasks 2.0", "2.0 任务列表"),
    "all_tasks": Text("Tasks 1.0 of sub-accounts", "子账号 1.0 任务列表"),
    "subset_tasks": Text("Tasks 2.0 of sub-accounts", "子账号 2.0 任务列表"),
}
"""What is asked of the platform's API, by the value of the ``endpoint`` label."""

REFUSALS: Final = {
    "connections": Text("all connections were in use", "连接数已满"),
    "slow_request": Text("a request was not complete in time", "请求未在时限内发完"),
    "slow_reader": Text("an answer was not read in time", "响应未在时限内读完"),
    "too_large": Text("a request was too large", "请求过大"),
    "malformed": Text("it was not HTTP", "不是 HTTP"),
    "tls": Text(
        "the TLS handshake failed, or the client's certificate was not accepted", "TLS 协商失败，或客户端证书不被接受"
    ),
    "rate_limited": Text("over `rate_limit` of the web configuration", "超过 web 配置的 `rate_limit`"),
    "unauthorized": Text("no password, or a wrong one", "没有密码或密码错误"),
    "busy": Text("too many passwords were waiting to be checked", "排队校验的密码过多"),
    "probes": Text("more probes of an account than it can answer in time", "同一账号的探测请求过多，来不及应答"),
}
"""Why a request or connection is turned away, by the value of the ``reason`` label of yunfu_exporter_http_refusals_total."""

LIMIT_REASONS: Final = {
    "configured": Text("rate_limit as configured", "配置的 rate_limit"),
    "granted": Text("share of what is granted", "平台允许次数中的份额"),
    "documented": Text(
        "share of the documented 60; the platform has not said what it grants",
        "文档所写 60 次中的份额，平台未告知允许的次数",
    ),
    "others": Text("what other programs leave", "其他程序用剩的次数"),
    "throttled": Text("lower after a 429, rising step by step", "收到 429 后已降低，正逐步恢复"),
}
"""What decides how many API calls per minute the exporter may make."""

WINDOWS: Final = {"today": Text("today", "今日"), "yesterday": Text("yesterday", "昨日")}
"""A span of time, by the value of the ``window`` label; others are durations and name themselves."""

GENERATIONS: Final = {"1": Text("1.0", "1.0"), "2": Text("2.0", "2.0")}
"""The generation of a task, by the value of the ``generation`` label."""

KINDS: Final = {"outbound": Text("Outbound", "外呼"), "inbound": Text("Inbound", "呼入")}
"""Who calls, by the value of the ``kind`` label."""

REST: Final = {"_other": Text("all others", "其余标签")}
"""What is added up beyond a limit, by the value of the ``tag`` label; the tags name themselves."""

FLAGS: Final = {True: Text("yes", "是"), False: Text("no", "否")}
"""A value of a metric that is true or false."""

LABELS: Final[Mapping[str, Mapping[str, Text]]] = {
    "status": STATUSES,
    "state": STATES,
    "intention": INTENTIONS,
    "rounds": ROUNDS,
    "outcome": OUTCOMES,
    "reason": REASONS,
    "endpoint": ENDPOINTS,
    "window": WINDOWS,
    "generation": GENERATIONS,
    "kind": KINDS,
    "tag": REST,
}
"""The words for a label's values, by the label's name."""
