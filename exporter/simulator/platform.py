"""The platform's side of the API: accounts, their tasks, and the documents that it answers with."""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import md5
from typing import Any, Final

from exporter.simulator.campaign import CHINA_OFFSET_SECONDS, Campaign, Counts, Traits
from exporter.simulator.talks import ROUNDS

CHINA: Final = timezone(timedelta(seconds=CHINA_OFFSET_SECONDS))
STATUS_TEXTS: Final = (
    "等待呼叫", "呼叫成功", "运营商拦截", "拒接", "无应答、无人接听", "空号", "关机", "停机", "占线、用户正忙",
    "呼入限制", "欠费", "黑名单", "用户屏蔽",
)  # fmt: skip
GRADES: Final = ("A级(有明确意向)", "B级(可能有意向)", "C级(明确拒绝)", "D级(用户在忙)", "E级(其他)")
TAG_IDS: Final = {
    "感兴趣": 2,
    "无意向": 14,
    "代理商大会": 1,
    "礼貌": 1854,
    "敷衍": 3927,
    "有时间": 10433,
    "拒加微": 23126,
}
_PURPOSES: Final = (
    "老客户回访",
    "试驾邀约",
    "满意度调查",
    "课程推广",
    "续费提醒",
    "会员日通知",
    "活动邀请",
    "贷后提醒",
)
_ODD_NAMES: Final = ('试驾邀约 "A组"\\周末', "满意度\n调查", "会员日 🎉 通知", "路径 C:\\回访")


def timestamp(moment: float) -> str:
    """Write a time as the platform does: local to China."""
    return datetime.fromtimestamp(moment, CHINA).strftime("%Y-%m-%d %H:%M:%S")


class Refusal(Exception):
    """The platform refuses a call, with an HTTP status and a message for people."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())


@dataclass(slots=True)
class SimulatedTask:
    """A task of an account: its campaign and how the platform lists it. ``generation`` is 1 or 2."""

    id: str
    name: str
    owner: str
    generation: int
    created: float
    campaign: Campaign
    odd: bool
    gone: bool = False
    resets: int = 0
    body: tuple[int, bytes] = (-1, b"")
    """The statistics last written, and the tick they are of."""

    def flags(self, now: float) -> tuple[bool, bool]:
        """Return ``enable`` and ``call_status``: what the state is made of."""
        enabled = not self.campaign.paused and not self.campaign.is_finished
        return enabled, self.campaign.is_dialling(now)

    def status_number(self, now: float) -> str:
        """Return what the lists' filter goes by: 1 paused, 2 running, 3 waiting; of a 2.0 task 3 is running as well."""
        enabled, dialling = self.flags(now)
        if not enabled:
            return "1"
        return "2" if dialling and self.generation == 1 else "3"

    def state(self, now: float) -> str:
        """Return the state as the platform's documentation derives it from the flags."""
        enabled, dialling = self.flags(now)
        if not enabled:
            return "paused"
        return "running" if dialling or self.generation == 1 else "waiting"


@dataclass(slots=True)
class SimulatedAccount:
    """An account with its token, its tasks and its sub-accounts (user ids)."""

    user_id: str
    token: str
    sub_users: tuple[str, ...]
    tasks: dict[str, SimulatedTask] = field(default_factory=dict)
    spare: list[SimulatedTask] = field(default_factory=list)
    """Tasks that the platform does not know yet; an incident lets them appear."""


def make_account(
    rng: random.Random,
    *,
    tasks: int,
    sub_accounts: int,
    start: float,
    scale: float,
    odd: bool,
    opaque: bool,
    history: bool,
) -> SimulatedAccount:
    """Make an account up; the same generator gives the same account."""
    user_id = _uuid(rng)
    sub_users = tuple(_uuid(rng) for _ in range(sub_accounts))
    token = rng.randbytes(24).hex() if opaque else make_token(rng, user_id, start, start + 30 * 86_400)
    account = SimulatedAccount(user_id, token, sub_users)
    for index in range(tasks + 5):
        task = _make_task(rng, index, (user_id, *sub_users), start=start, scale=scale, odd=odd, history=history)
        if index < tasks:
            account.tasks[task.id] = task
        else:
            account.spare.append(task)
    return account


def _make_task(
    rng: random.Random,
    index: int,
    owners: Sequence[str],
    *,
    start: float,
    scale: float,
    odd: bool,
    history: bool,
) -> SimulatedTask:
    traits = Traits.draw(rng, start, scale)
    identity = _uuid(rng)
    name = _ODD_NAMES[index // 7 % 4] if odd and index % 7 == 3 else f"{rng.choice(_PURPOSES)}-{index + 1:03d}"
    campaign = Campaign(traits, identity, keeps_history=history)
    turn, owner = divmod(index, len(owners))  # so that each owner has tasks of every kind
    return SimulatedTask(
        id=identity,
        name=name,
        owner=owners[owner],
        generation=2 if turn % 3 else 1,
        created=traits.begin,
        campaign=campaign,
        odd=odd and turn % 2 == 1,
    )


def make_token(rng: random.Random, subject: str, issued: float, expires: float) -> str:
    """Make a token that looks like the platform's: a JWT, whose signature is noise."""
    claims = {"iat": int(issued), "nbf": int(issued), "exp": int(expires), "sub": subject}
    parts = [
        json.dumps({"typ": "JWT", "alg": "RS256"}).encode(),
        json.dumps(claims).encode(),
        rng.randbytes(64),
    ]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def stat_data(task: SimulatedTask, counts: Counts, numbers: Sequence[int]) -> dict[str, Any]:
    """Write a task's statistics as documented, or in PHP's dialect of it."""
    calls, graded = counts.answered + counts.unanswered, sum(counts.grades)
    number: Callable[[float], Any] = str if task.odd else lambda value: value
    rounds: Any = dict(zip(ROUNDS, counts.rounds, strict=True))
    return {
        "answer_rate": {
            "answered": number(counts.answered),
            "noAnswer": counts.unanswered,
            "callCompletetRate": _percent(counts.answered, calls),
            "taskProgress": number(round(task.campaign.progress * 100, 2)),
        },
        "intention": [
            {"intention_results": index + 1, "name": name, "total": count, "percent": _percent(count, graded)}
            for index, (name, count) in enumerate(zip(GRADES, counts.grades, strict=True))
        ],
        "number_status": [
            {"status": number(status), "status_str": STATUS_TEXTS[status], "count": number(count)}
            for status, count in enumerate(numbers)
        ],
        "rounds": rounds if graded or not task.odd else [],
        "tags": None if task.odd else [],
        "llm_tags": [_tag(name, count) for name, count in counts.tags.items()],
    }


def _percent(part: int, whole: int) -> float:
    """Return a percentage with the float noise that PHP leaves in it."""
    return round(part / whole, 4) * 100 if whole else 0


@lru_cache
def _known_tag(name: str) -> dict[str, Any]:
    return {
        "id": TAG_IDS.get(name, 40_000 + sum(map(ord, name)) % 10_000),
        "name": name,
        "md5": md5(name.encode(), usedforsecurity=False).hexdigest(),
        "created_at": "2024-08-01 20:46:22",
        "updated_at": "2024-08-01 20:46:22",
    }


def _tag(name: str, count: int) -> dict[str, Any]:
    known = _known_tag(name)
    return {"count": count, "llm_intention_tag_id": known["id"], "llm_intention_tag": known}


def list_entry(task: SimulatedTask, now: float) -> dict[str, Any]:
    """Write a task as the lists have it."""
    enabled, dialling = task.flags(now)
    entry: dict[str, Any] = {
        "uuid": task.id,
        "name": task.name,
        "user_id": task.owner,
        "create_datetime": timestamp(task.created),
        "alter_datetime": timestamp(task.created),
        "enable": str(int(enabled)) if task.odd else int(enabled),
        "maximumcall": task.campaign.traits.lines,
        "dial_time_id": 1,
    }
    if task.generation == 2:  # a generation's number
        entry["new_task_extra"] = {"call_status": dialling if task.odd else int(dialling)}
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


def envelope(data: object, *, code: int = 200, message: str = "ok", **more: object) -> bytes:
    """Write the platform's envelope."""
    status = "success" if code == 200 else "error"  # the envelope's own code
    return json.dumps({"code": code, "status": status, "message": message, "data": data, **more}).encode()


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def parse_timestamp(text: str) -> float:
    """Read a time of the platform's. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).astimezone(UTC).timestamp()
