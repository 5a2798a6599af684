"""Every text in English and Chinese, side by side; and the words that several dashboards share.

The Chinese terms are the platform's own: 接通率, 外呼进度, 运营商拦截.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """A language of the dashboards; its value is the folder that holds them."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages."""

    en: str
    zh: str

    def say(self, language: Language) -> str:
        """Return the text in a language."""
        return self.en if language is Language.ENGLISH else self.zh


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

INTENTIONS: Final = {
    "A": Text("A · clear interest", "A级 · 有明确意向"),
    "B": Text("B · possible interest", "B级 · 可能有意向"),
    "C": Text("C · clear refusal", "C级 · 明确拒绝"),
    "D": Text("D · busy", "D级 · 用户在忙"),
    "E": Text("E · other", "E级 · 其他"),
}
"""The intention of the called, by the value of the ``intention`` label."""

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

ALERTS: Final = {
    "YunfuTaskLowAnswerRate": Text("Low answer rate", "接通率过低"),
    "YunfuTaskAnswerRateDropped": Text("Answer rate dropped", "接通率骤降"),
    "YunfuTaskCarrierBlocked": Text("Carrier blocks", "运营商拦截"),
    "YunfuTaskPoorList": Text("Poor list", "名单质量差"),
    "YunfuTaskStalled": Text("Stalled", "外呼停滞"),
    "YunfuTaskNearlyOutOfNumbers": Text("Nearly done", "号码将尽"),
    "YunfuTaskStale": Text("No fresh data", "数据过期"),
}
"""The alerts on tasks, by the value of the ``alertname`` label."""

ACCOUNT: Final = Text("Account", "账号")
TASK: Final = Text("Task", "任务")
STATE: Final = Text("State", "状态")
PROGRESS: Final = Text("Progress", "外呼进度")
ANSWER_RATE: Final = Text("Answer rate", "接通率")
THRESHOLD: Final = Text("Threshold", "接通率阈值")
CALLS: Final = Text("Calls", "呼叫数")
PER_MINUTE: Final = Text(" /min", " /分钟")
