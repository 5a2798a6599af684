"""The documents that the platform answers with, in the documented shapes and in PHP's dialects of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from hashlib import md5
from typing import Any, Final

from exporter.demo.simulator.campaign import CHINA_OFFSET_SECONDS, Counts
from exporter.demo.simulator.talks import ROUNDS

CHINA: Final = timezone(timedelta(seconds=CHINA_OFFSET_SECONDS))
ENDPOINTS: Final = (
    "stat", "tasks", "all_tasks", "new_tasks", "subset_tasks", "subset_users", "token", "message",
)  # fmt: skip
STATUS_TEXTS: Final = (
    "等待呼叫", "呼叫成功", "运营商拦截", "拒接", "无应答、无人接听", "空号", "关机", "停机", "占线、用户正忙",
    "呼入限制", "欠费", "黑名单", "用户屏蔽",
)  # fmt: skip
GRADES: Final = ("A级(有明确意向)", "B级(可能有意向)", "C级(明确拒绝)", "D级(用户在忙)", "E级(其他)")
RENAMED_GRADES: Final = ("A-高意向", "B-意向客户", "C-潜在客户", "D-一般意向", "E-需再次跟进")
"""The names that a brand gives them."""
TAG_IDS: Final = {
    "感兴趣": 2,
    "无意向": 14,
    "代理商大会": 1,
    "礼貌": 1854,
    "敷衍": 3927,
    "有时间": 10433,
    "拒加微": 23126,
}


class Refusal(Exception):
    """The platform refuses a call, with an HTTP status and a message for people."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How PHP writes numbers, booleans and what is empty (``GAP`` leaves it out), and the shape of a business tag.

    With ``has_zeros`` rounds that nobody had yet are a map of zeros instead of empty. The documentation shows no
    business tag; without ``business_tag`` there are none.
    """

    number: Callable[[float], Any] = lambda value: value
    flag: Callable[[bool], Any] = int
    empty: Any = ()
    has_zeros: bool = False
    business_tag: Callable[[str, int], dict[str, Any]] | None = None


GAP: Final = object()
DOCUMENTED: Final = Dialect(has_zeros=True)
DIALECTS: Final = (
    Dialect(),
    Dialect(number=str, flag=lambda on: str(int(on)), business_tag=lambda name, count: {"count": count, "name": name}),
    Dialect(flag=bool, empty=None),
    Dialect(empty=GAP, business_tag=lambda name, count: {"count": str(count), "tag": {"name": name}}),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A task as the lists show it. ``owner`` is a user id, ``created`` Unix time; what is None is not shown."""

    id: str
    name: str
    owner: str
    created: float
    lines: int
    enabled: bool
    call_status: bool | None
    status: int | None
    task_type: int | None


def timestamp(moment: float) -> str:
    """Write a time as the platform does: local to China."""
    return datetime.fromtimestamp(moment, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def parse_timestamp(text: str) -> float:
    """Read a time of the platform's. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).timestamp()


def envelope(data: object, *, code: int = 200, message: str = "ok", **more: object) -> bytes:
    """Write the platform's envelope."""
    status = "success" if code == 200 else "error"  # the envelope's own code
    return json.dumps({"code": code, "status": status, "message": message, "data": data, **more}).encode()


def stat_data(dialect: Dialect, counts: Counts, numbers: Sequence[int], progress: float) -> dict[str, Any]:
    """Write a task's statistics; ``progress`` is the share of its numbers that have their final status."""
    number, graded, grades = dialect.number, counts.answered, counts.grades
    data: dict[str, Any] = {
        "answer_rate": {
            "answered": number(counts.answered),
            "noAnswer": number(counts.unanswered),
            "callCompletetRate": number(_percent(counts.answered, counts.answered + counts.unanswered)),
            "taskProgress": number(round(progress * 100, 2)),
        },
        "intention": [
            {
                "intention_results": index + 1,
                "name": name,
                "total": number(count),
                "percent": number(_percent(count, graded)),
            }
            for index, (name, count) in enumerate(zip(GRADES, grades, strict=True))
        ],
        "number_status": [
            {"status": number(status), "status_str": STATUS_TEXTS[status], "count": number(count)}
            for status, count in enumerate(numbers)
        ],
        "rounds": dict(zip(ROUNDS, map(number, counts.rounds), strict=True)) if graded or dialect.has_zeros else {},
        "tags": _business_tags(dialect, grades),
        "llm_tags": [_tag(name, number(count)) for name, count in counts.tags.items()],
    }
    return {name: block or dialect.empty for name, block in data.items() if block or dialect.empty is not GAP}


def renamed_levels(body: bytes) -> bytes:
    """Write statistics with the names of levels that a brand has."""
    document = json.loads(body)
    for level in document["data"].get("intention") or []:
        level["name"] = RENAMED_GRADES[level["intention_results"] - 1]
    return json.dumps(document).encode()


def older_edition(body: bytes) -> bytes:
    """Write statistics as the older edition of the documentation has them: without tags."""
    document = json.loads(body)
    document["data"] = {name: part for name, part in document["data"].items() if name not in ("tags", "llm_tags")}
    return json.dumps(document).encode()


def _business_tags(dialect: Dialect, grades: Sequence[int]) -> list[dict[str, Any]]:
    if dialect.business_tag is None:
        return []
    tags = {"已加微信": grades[0] * 2 // 3, "需人工跟进": grades[1] // 2}
    return [dialect.business_tag(name, count) for name, count in tags.items() if count]


def _percent(part: int, whole: int) -> float:
    """Return a percentage with the float noise that PHP leaves in it."""
    return round(part / whole, 4) * 100 if whole else 0


def _tag(name: str, count: Any) -> dict[str, Any]:
    known = _known_tag(name)
    return {"count": count, "llm_intention_tag_id": known["id"], "llm_intention_tag": known}


@lru_cache
def _known_tag(name: str) -> dict[str, Any]:
    return {
        "id": TAG_IDS.get(name, 40_000 + sum(map(ord, name)) % 10_000),
        "name": name,
        "md5": md5(name.encode(), usedforsecurity=False).hexdigest(),
        "created_at": "2024-08-01 20:46:22",
        "updated_at": "2024-08-01 20:46:22",
    }


def list_entry(dialect: Dialect, task: Listed) -> dict[str, Any]:
    """Write a task as the lists have it."""
    entry: dict[str, Any] = {
        "uuid": task.id,
        "name": task.name,
        "user_id": task.owner,
        "create_datetime": timestamp(task.created),
        "alter_datetime": timestamp(task.created),
        "enable": dialect.flag(task.enabled),
        "maximumcall": dialect.number(task.lines),
        "dial_time_id": 1,
    }
    if dialect.flag is bool:  # the edition with booleans shows more, some of it obsolete
        entry.update(start=0, call_per_second=10, remark=None)
    if task.status is not None:
        entry["status"] = task.status
    if task.task_type is not None:
        entry["task_type"] = task.task_type
    if task.call_status is not None:
        entry["new_task_extra"] = {"call_status": dialect.flag(task.call_status)}
    return entry


def page_meta(total: int, page: int, per_page: int) -> dict[str, Any]:
    """Write Laravel's pagination, some of whose numbers are strings."""
    last = max(1, -(-total // per_page))
    return {
        "has_pages": last > 1,
        "total": total,
        "last_page": last,
        "current_page": page,
        "per_page": str(per_page),
    }
