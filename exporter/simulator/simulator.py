"""The simulator: accounts and campaigns, a clock that may run fast, and an answer to every call of the API."""

from __future__ import annotations

import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from exporter.simulator import control
from exporter.simulator.faults import Fault, answer_instead, flavour
from exporter.simulator.platform import (
    CHINA,
    Refusal,
    SimulatedAccount,
    SimulatedTask,
    envelope,
    list_entry,
    make_account,
    page_meta,
    parse_timestamp,
    stat_data,
)
from exporter.simulator.server import Request, Response, listen

_LISTS: Final = {"task": ("tasks", 1, False), "all_task": ("all_tasks", 1, True)}
_NEW_LISTS: Final = {"task": ("new_tasks", 2, False), "subset_task": ("subset_tasks", 2, True)}
_MOST_PER_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """What is simulated. The same options give the same history.

    ``speed`` is simulated seconds a second; ``start`` the simulated Unix time at the beginning (None: half past nine
    in China today, when the dialling begins); ``scale`` the size of the campaigns, 1 for some hundreds to ten thousands of
    numbers; ``quota`` the calls a second that an account is allowed (None: any number); ``history`` keeps what spans
    of time are answered from, which costs memory with thousands of tasks.
    """

    seed: int = 1
    tasks: int = 24
    accounts: int = 1
    sub_accounts: int = 0
    speed: float = 60.0
    start: float | None = None
    scale: float = 1.0
    php_flavours: bool = True
    opaque_token: bool = False
    quota: float | None = None
    history: bool = True


class Simulator:
    """A stand-in for the platform. ``clock`` is Unix time; a test passes one that it moves by hand."""

    def __init__(self, options: SimulatorOptions | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.options = options = options or SimulatorOptions()
        self._clock = clock
        self._epoch = clock()
        self.start = self._half_past_nine() if options.start is None else options.start
        self.speed = options.speed
        self._offset = 0.0
        rng = random.Random(options.seed)
        self._rng = random.Random(options.seed)
        self.accounts: Sequence[SimulatedAccount] = [
            make_account(
                rng,
                tasks=options.tasks,
                sub_accounts=options.sub_accounts,
                start=self.start,
                scale=options.scale,
                odd=options.php_flavours,
                opaque=options.opaque_token,
                history=options.history,
            )
            for _ in range(options.accounts)
        ]
        self._by_user = {account.user_id: account for account in self.accounts}
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        """Calls by endpoint, and of statistics by task id; ``throttled`` are those over the quota."""
        self._allowances: dict[str, tuple[float, float]] = {}

    def now(self) -> float:
        """Return the simulated Unix time."""
        return self.start + self._offset + (self._clock() - self._epoch) * self.speed

    def advance(self, seconds: float) -> None:
        """Jump forward in simulated time."""
        self._offset += seconds

    def set_speed(self, speed: float) -> None:
        """Let simulated time run at another speed from now on."""
        self._offset = self.now() - self.start
        self._epoch = self._clock()
        self.speed = speed

    def task(self, task_id: str) -> SimulatedTask:
        """Return a task, brought up to now. Raises KeyError."""
        for account in self.accounts:
            if task := account.tasks.get(task_id):
                task.campaign.advance(self.now())
                return task
        raise KeyError(task_id)

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
    ) -> AsyncIterator[str]:
        """Serve the API for as long as the context lasts; gives the base URL. Raises OSError if the port is taken."""
        listening, bound = await listen(self.answer, host, port, context)
        try:
            yield f"{'http' if context is None else 'https'}://{host}:{bound}"
        finally:
            await listening.close()

    def answer(self, request: Request) -> Response:
        """Answer a request: the API's, or the control path's."""
        if request.path.startswith("/_control/"):
            return control.answer(self, request)
        try:
            return self._answer_api(request)
        except Refusal as refusal:
            body = envelope(None, code=refusal.status, message=str(refusal))
            return Response(body, refusal.status, refusal.headers)

    def _answer_api(self, request: Request) -> Response:
        account, endpoint, task_id, is_new = self._route(request)
        self.calls[endpoint] += 1
        if task_id:
            self.calls[task_id] += 1
        fault = next(
            (f for f in self.faults if f.strikes(self._rng, account=account.user_id, endpoint=endpoint, task=task_id)),
            None,
        )
        body = partial(self._body, request, account, endpoint, task_id, is_new=is_new)
        if fault is not None and not fault.is_harmless:
            return answer_instead(fault, body, self._clock())
        headers = self._meter(account)
        if request.method != "GET":
            raise Refusal(405, "请求方法不允许")
        response = Response(body(), headers=headers)
        return response if fault is None else flavour(fault, response)

    def _route(self, request: Request) -> tuple[SimulatedAccount, str, str | None, bool]:
        """Return the account, the endpoint's name, the task of a statistics call, and whether it is the 2.0 path."""
        authorization = request.headers.get("authorization", "")
        caller = next((account for account in self.accounts if authorization == f"Bearer {account.token}"), None)
        match request.path.split("/")[1:]:
            case ["agent-api", "token"]:
                user_id, endpoint, task_id, is_new = caller.user_id if caller else "", "token", None, False
            case ["agent-api", "user", user_id, "task", task_id, "stat"]:
                endpoint, is_new = "stat", False
            case ["agent-api", "user", user_id, ("task" | "all_task" | "subset_users" | "message") as name]:
                endpoint, task_id, is_new = _LISTS.get(name, (name,))[0], None, False
            case ["agent-api", "new", "user", user_id, ("task" | "subset_task") as name]:
                endpoint, task_id, is_new = _NEW_LISTS[name][0], None, True
            case _:
                raise Refusal(404, "接口不存在")
        if caller is None:
            raise Refusal(401, "token无效或已过期")
        if caller.user_id != user_id:
            raise Refusal(403, "无权访问该用户的数据")
        return caller, endpoint, task_id, is_new

    def _meter(self, account: SimulatedAccount) -> tuple[tuple[str, str], ...]:
        """Keep the account's quota, and return the headers that tell of it."""
        quota = self.options.quota
        if quota is None:
            return ()
        left, at = self._allowances.get(account.user_id, (max(1.0, quota), self._clock()))
        left = min(max(1.0, quota), left + (self._clock() - at) * quota)
        self._allowances[account.user_id] = (left, self._clock())
        if left < 1 - 1e-6:
            self.calls["throttled"] += 1
            raise Refusal(
                429, "请求过于频繁", Retry_After="1", X_RateLimit_Remaining="0", X_RateLimit_Limit=f"{quota:g}"
            )
        self._allowances[account.user_id] = (left - 1, self._clock())
        return (("X-RateLimit-Limit", f"{quota:g}"), ("X-RateLimit-Remaining", f"{max(1, int(left - 1))}"))

    def _body(
        self, request: Request, account: SimulatedAccount, endpoint: str, task_id: str | None, *, is_new: bool
    ) -> bytes:
        if endpoint == "stat":
            return self._stat(request, account, account.tasks.get(task_id or ""))
        if endpoint == "subset_users":
            users = [{"uuid": user, "name": f"子账号{index + 1}"} for index, user in enumerate(account.sub_users)]
            return self._page(request, users)
        if endpoint in {"token", "message"}:
            return envelope({"valid": True} if endpoint == "token" else {"balance": "1024.50"})
        table = _NEW_LISTS if is_new else _LISTS
        _, generation, of_sub_accounts = next(row for row in table.values() if row[0] == endpoint)
        return self._list(request, account, generation, of_sub_accounts=of_sub_accounts)

    def _stat(self, request: Request, account: SimulatedAccount, task: SimulatedTask | None) -> bytes:
        if task is None or task.gone:
            raise Refusal(404, "任务不存在")
        now = self.now()
        if not request.query:
            self._check_owner(account, task, None)
            return self._whole_life(task, now)
        parameters = request.parameters()
        self._check_owner(account, task, dict(parameters).get("sub_user_id"))
        dates = [value for name, value in parameters if name == "date[]"]
        if not dates:
            return self._whole_life(task, now)
        try:
            begin, end = map(parse_timestamp, dates)
        except ValueError:
            raise Refusal(422, "date 参数格式错误") from None
        task.campaign.advance(now)
        counts = task.campaign.between(begin, end)
        return envelope(stat_data(task, counts, counts.results), message="获取外呼任务数据统计成功")

    def _whole_life(self, task: SimulatedTask, now: float) -> bytes:
        """Return the statistics, written once a tick."""
        tick = int(now // 60)
        if task.body[0] != tick:
            task.campaign.advance(now)
            data = stat_data(task, task.campaign.counts, task.campaign.numbers)
            task.body = tick, envelope(data, message="获取外呼任务数据统计成功")
        return task.body[1]

    def _check_owner(self, account: SimulatedAccount, task: SimulatedTask, sub_user: str | None) -> None:
        owner = None if task.owner == account.user_id else task.owner
        if sub_user != owner:
            raise Refusal(403, "无权访问该任务")

    def _list(self, request: Request, account: SimulatedAccount, generation: int, *, of_sub_accounts: bool) -> bytes:
        now = self.now()
        parameters = request.parameters()
        names = [value for name, value in parameters if name == "name"]
        states = {value for name, value in parameters if name in {"status", "status[]"}}
        entries = []
        for task in account.tasks.values():
            is_theirs = task.owner != account.user_id
            if task.gone or task.generation != generation or is_theirs != of_sub_accounts:
                continue
            if names and names[0] not in task.name:
                continue
            task.campaign.advance(now)
            if not states or task.status_number(now) in states:
                entries.append(list_entry(task, now))
        return self._page(request, entries)

    def _page(self, request: Request, entries: Sequence[dict[str, Any]]) -> bytes:
        parameters = dict(request.parameters())
        try:
            page, per_page = max(1, int(parameters.get("page", 1))), max(1, int(parameters.get("per_page", 15)))
        except ValueError:
            raise Refusal(422, "分页参数错误") from None
        per_page = min(per_page, _MOST_PER_PAGE)
        shown = list(entries[(page - 1) * per_page : page * per_page])
        return envelope(shown, meta=page_meta(len(entries), page, per_page))

    def _half_past_nine(self) -> float:
        today = datetime.fromtimestamp(self._epoch, CHINA)
        return today.replace(hour=9, minute=30, second=0, microsecond=0).timestamp()
