"""Words that several dashboards share; the values of labels and the titles of metrics are those of ``exporter.words``."""

from enum import StrEnum
from typing import Final

from exporter.metrics.families import STATS_FAMILIES
from exporter.words.text import Text

_TITLES: Final = {family.name: family.title for family in STATS_FAMILIES}


class Language(StrEnum):
    """A language of the dashboards; its value is the folder that holds them."""

    ENGLISH = "en"
    CHINESE = "zh"


NO_METRICS: Final = Text(
    "No yunfu_ metrics: is the exporter scraped?", "没有 yunfu_ 指标：Prometheus 是否抓取了 exporter？"
)
ALERTS: Final = {
    "YunfuTaskLowAnswerRate": Text("Low answer rate", "接通率过低"),
    "YunfuTaskAnswerRateDropped": Text("Answer rate fell", "接通率骤降"),
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
PROGRESS: Final = _TITLES["yunfu_task_progress_ratio"]
ANSWER_RATE: Final = _TITLES["yunfu_task_answer_ratio"]
THRESHOLD: Final = Text("Threshold", "接通率阈值")
CALLS: Final = Text("Calls", "呼叫数")
PER_MINUTE: Final = "locale"
"""The unit of graphs whose title says per minute: a suffix would cost the thousands separator."""
