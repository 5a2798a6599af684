"""The data of the platform: accounts with their tokens and sub-accounts, and their tasks."""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final

from exporter.demo.simulator.campaign import TICK_SECONDS, Campaign, Traits
from exporter.demo.simulator.documents import DIALECTS, DOCUMENTED, Dialect, Listed, envelope, list_entry, stat_data

TOKEN_SECONDS: Final = 30 * 86_400
SPARE_TASKS: Final = 5
_STAT_MESSAGE: Final = "获取外呼任务数据统计成功"
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


@dataclass(slots=True)
class SimulatedTask:
    """A task of an account: its campaign and how the platform shows it. ``generation`` is 1 or 2."""

    id: str
    name: str
    owner: str
    generation: int
    created: float
    campaign: Campaign
    dialect: Dialect
    gone: bool = False
    resets: int = 0
    _body: tuple[int, bytes] = (-1, b"")
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

    def whole_life(self, now: float) -> bytes:
        """Return the statistics up to now, written once a tick."""
        tick = int(now // TICK_SECONDS)
        if self._body[0] != tick:
            campaign = self.campaign
            campaign.advance(now)
            data = stat_data(self.dialect, campaign.counts, campaign.numbers, campaign.progress)
            self._body = tick, envelope(data, message=_STAT_MESSAGE)
        return self._body[1]

    def span(self, begin: float, end: float, now: float) -> bytes:
        """Return the statistics of the calls made in a span; the numbers are the results of these calls."""
        self.campaign.advance(now)
        counts = self.campaign.between(begin, end)
        return envelope(stat_data(self.dialect, counts, counts.results, self.campaign.progress), message=_STAT_MESSAGE)

    def listed(self, now: float, oddities: AbstractSet[str] = frozenset()) -> dict[str, Any]:
        """Return the task's entry in a list."""
        self.campaign.advance(now)
        enabled, dialling = self.flags(now)
        status = 1 + enabled * (2 - dialling)  # as the edit pages have it: 1 paused, 2 running, 3 waiting
        call_status = dialling if self.generation == 2 else None  # a generation's number
        lines = self.campaign.traits.lines
        shown = status if "entry_status" in oddities else None
        task_type = 2 if "inbound" in oddities else None  # as the edit pages have it: 2 inbound
        entry = Listed(self.id, self.name, self.owner, self.created, lines, enabled, call_status, shown, task_type)
        return list_entry(replace(self.dialect, flag=bool) if "booleans" in oddities else self.dialect, entry)

    def forget_body(self) -> None:
        """Write the statistics anew next time, although it may be in the same tick."""
        self._body = (-1, b"")


@dataclass(slots=True)
class SimulatedAccount:
    """An account with its token, its tasks and its sub-accounts (user ids)."""

    user_id: str
    token: str
    sub_users: tuple[str, ...]
    tasks: dict[str, SimulatedTask] = field(default_factory=dict)
    spare: list[SimulatedTask] = field(default_factory=list)
    """Tasks that the platform does not know yet; an incident lets them appear."""

    def appear(self, now: float) -> SimulatedTask:
        """Start a new task. Raises ValueError if there is none to spare."""
        if not self.spare:
            raise ValueError("appear: no task is left that could")
        new = self.spare.pop(0)
        new.created = now
        new.campaign.pause(now, paused=False)
        self.tasks[new.id] = new
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """What an account is to be like; ``issued`` is when its token was made, in Unix time."""

    tasks: int
    sub_accounts: int
    start: float
    scale: float
    issued: float
    has_dialects: bool
    has_opaque_token: bool
    keeps_history: bool


def make_account(rng: random.Random, plan: AccountPlan) -> SimulatedAccount:
    """Make an account up; the same generator gives the same account."""
    user_id = _uuid(rng)
    sub_users = tuple(_uuid(rng) for _ in range(plan.sub_accounts))
    token = rng.randbytes(24).hex() if plan.has_opaque_token else _make_token(rng, user_id, plan.issued)
    account = SimulatedAccount(user_id, token, sub_users)
    for index in range(plan.tasks + SPARE_TASKS):
        task = _make_task(rng, index, (user_id, *sub_users), plan)
        if index < plan.tasks:
            account.tasks[task.id] = task
        else:
            task.campaign.paused = True
            account.spare.append(task)
    return account


def _make_task(rng: random.Random, index: int, owners: Sequence[str], plan: AccountPlan) -> SimulatedTask:
    traits = Traits.draw(rng, plan.start, plan.scale)
    identity = _uuid(rng)
    turn, owner = divmod(index, len(owners))  # so that each owner has tasks of every kind
    is_odd = plan.has_dialects and index % 7 == 3
    name = _ODD_NAMES[index // 7 % 4] if is_odd else f"{rng.choice(_PURPOSES)}-{index + 1:03d}"
    return SimulatedTask(
        id=identity,
        name=name,
        owner=owners[owner],
        generation=2 if turn % 3 else 1,
        created=traits.begin,
        campaign=Campaign(traits, identity, keeps_history=plan.keeps_history),
        dialect=DIALECTS[turn % len(DIALECTS)] if plan.has_dialects else DOCUMENTED,
    )


def _make_token(rng: random.Random, subject: str, issued: float) -> str:
    """Make a token that looks like the platform's: a JWT, whose signature is noise."""
    claims = {"iat": int(issued), "nbf": int(issued), "exp": int(issued) + TOKEN_SECONDS, "sub": subject}
    parts = [
        json.dumps({"typ": "JWT", "alg": "RS256"}).encode(),
        json.dumps(claims).encode(),
        rng.randbytes(64),
    ]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
