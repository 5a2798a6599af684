"""The API as its callers see it: paths, authorization, parameters, pages, quota, and the faults on top."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from exporter.demo.simulator.documents import Refusal, envelope, page_meta, parse_timestamp
from exporter.demo.simulator.faults import Fault, refuse, strike
from exporter.demo.simulator.platform import SimulatedAccount, SimulatedTask
from exporter.demo.simulator.server import Request, Response

Item = TypeVar("Item")
_PATHS: Final = {"task": "tasks", "all_task": "all_tasks", "subset_users": "subset_users", "message": "message"}
_NEW_PATHS: Final = {"task": "new_tasks", "subset_task": "subset_tasks"}
_LISTS: Final = {"tasks": (1, False), "all_tasks": (1, True), "new_tasks": (2, False), "subset_tasks": (2, True)}
"""The generation of the tasks in each list, and whether they are the sub-accounts'."""
_MOST_PER_PAGE: Final = 100


class Api:
    """Answers calls. ``now`` is simulated time, ``clock`` the callers'; ``quota`` is calls a second of an account."""

    def __init__(
        self,
        accounts: Sequence[SimulatedAccount],
        rng: random.Random,
        *,
        now: Callable[[], float],
        clock: Callable[[], float],
        quota: float | None,
    ) -> None:
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        self._callers = {f"Bearer {account.token}": account for account in accounts}
        self._rng = rng
        self._now = now
        self._clock = clock
        self._quota = quota
        self._allowances: dict[str, tuple[float, float]] = {}

    def answer(self, request: Request) -> Response:
        """Answer a call of the API."""
        caller = self._callers.get(request.headers.get("authorization", ""))
        try:
            user_id, endpoint, task_id = _route(request.path)
        except Refusal as refusal:
            return refuse(refusal)
        if endpoint == "token" and caller is not None:
            user_id = caller.user_id
        self.calls[endpoint] += 1
        if task_id is not None:
            self.calls[task_id] += 1
        response = self._answer_rightly(request, caller, user_id, endpoint, task_id)
        if self.faults:
            response = strike(
                self.faults, self._rng, response, account=user_id, endpoint=endpoint, task=task_id, now=self._clock()
            )
        if response.status == 429:
            self.calls["throttled"] += 1
        return response

    def _answer_rightly(
        self, request: Request, caller: SimulatedAccount | None, user_id: str, endpoint: str, task_id: str | None
    ) -> Response:
        headers: tuple[tuple[str, str], ...] = ()
        try:
            account = _authorized(caller, user_id)
            headers = self._meter(account)
            return Response(self._body(request, account, endpoint, task_id), headers=headers)
        except Refusal as refusal:
            response = refuse(refusal)
            return replace(response, headers=response.headers + headers)

    def _meter(self, account: SimulatedAccount) -> tuple[tuple[str, str], ...]:
        """Keep the account's quota, and return the headers that tell of it. Raises Refusal if it is used up."""
        quota = self._quota
        if quota is None:
            return ()
        now, burst = self._clock(), max(1.0, quota)
        left, at = self._allowances.get(account.user_id, (burst, now))
        left = min(burst, left + (now - at) * quota)
        if left < 1 - 1e-6:
            self._allowances[account.user_id] = (left, now)
            wait = str(max(1, math.ceil((1 - left) / quota)))
            raise Refusal(
                429, "请求过于频繁", Retry_After=wait, X_RateLimit_Limit=f"{quota:g}", X_RateLimit_Remaining="0"
            )
        self._allowances[account.user_id] = (left - 1, now)
        # Calls come back at once: 0 beside an answer would say that a whole window is used up.
        return ("X-RateLimit-Limit", f"{quota:g}"), ("X-RateLimit-Remaining", f"{max(1, int(left - 1))}")

    def _body(self, request: Request, account: SimulatedAccount, endpoint: str, task_id: str | None) -> bytes:
        if request.method != "GET":
            raise Refusal(405, "请求方法不允许")
        match endpoint:
            case "stat":
                return self._stat(request, account, account.tasks.get(task_id or ""))
            case "subset_users":
                users = list(enumerate(account.sub_users, start=1))
                return _page(request, users, lambda user: {"uuid": user[1], "name": f"子账号{user[0]}"})
            case "token":
                return envelope({"valid": True})
            case "message":
                return envelope({"balance": "1024.50"})
        return self._list(request, account, endpoint)

    def _stat(self, request: Request, account: SimulatedAccount, task: SimulatedTask | None) -> bytes:
        if task is None or task.gone:
            raise Refusal(404, "任务不存在")
        parameters = request.parameters() if request.query else []
        owner = None if task.owner == account.user_id else task.owner
        if dict(parameters).get("sub_user_id") != owner:
            raise Refusal(403, "无权访问该任务")
        span = _span(parameters)
        return task.whole_life(self._now()) if span is None else task.span(*span, self._now())

    def _list(self, request: Request, account: SimulatedAccount, endpoint: str) -> bytes:
        now = self._now()
        generation, of_sub_accounts = _LISTS[endpoint]
        parameters = request.parameters()
        name = dict(parameters).get("name", "")
        states = {value for key, value in parameters if key.partition("[")[0] == "status"}
        owners = _owners(account, dict(parameters).get("sub_user_id"), of_sub_accounts=of_sub_accounts)

        def is_wanted(task: SimulatedTask) -> bool:
            if task.gone or task.generation != generation or task.owner not in owners or name not in task.name:
                return False
            if states:
                task.campaign.advance(now)
            return not states or task.status_number(now) in states

        return _page(request, list(filter(is_wanted, account.tasks.values())), lambda task: task.listed(now))


def _route(path: str) -> tuple[str, str, str | None]:
    """Return the user in the path, the endpoint's name, and the task of a statistics call. Raises Refusal."""
    match path.split("/")[1:]:
        case ["agent-api", "token"]:
            return "", "token", None
        case ["agent-api", "user", user_id, "task", task_id, "stat"]:
            return user_id, "stat", task_id
        case ["agent-api", "user", user_id, name] if name in _PATHS:
            return user_id, _PATHS[name], None
        case ["agent-api", "new", "user", user_id, name] if name in _NEW_PATHS:
            return user_id, _NEW_PATHS[name], None
    raise Refusal(404, "接口不存在")


def _authorized(caller: SimulatedAccount | None, user_id: str) -> SimulatedAccount:
    """Return the account that the caller's token and the path agree on. Raises Refusal."""
    if caller is None:
        raise Refusal(401, "token无效或已过期")
    if caller.user_id != user_id:
        raise Refusal(403, "无权访问该用户的数据")
    return caller


def _owners(account: SimulatedAccount, sub_user: str | None, *, of_sub_accounts: bool) -> Sequence[str]:
    """Return whose tasks a list holds. Raises Refusal for somebody else's sub-account."""
    if of_sub_accounts:
        return account.sub_users
    if sub_user is not None and sub_user not in account.sub_users:
        raise Refusal(403, "无权访问该子账号")
    return (sub_user or account.user_id,)


def _span(parameters: Sequence[tuple[str, str]]) -> tuple[float, float] | None:
    """Return the span that is asked for, if any. Raises Refusal unless it is an array of two times in their order."""
    dates = [(name, value) for name, value in parameters if name.partition("[")[0] == "date"]
    if not dates:
        return None
    try:
        begin, end = (parse_timestamp(value) for name, value in dates if name != "date")
    except ValueError:
        raise Refusal(422, "date 参数格式错误") from None
    if begin > end:
        raise Refusal(422, "date 结束时间不能早于开始时间")
    return begin, end


def _page(request: Request, items: Sequence[Item], write: Callable[[Item], dict[str, Any]]) -> bytes:
    """Write the page that is asked for; only its own items are written. Raises Refusal."""
    parameters = dict(request.parameters())
    try:
        page, per_page = max(1, int(parameters.get("page", 1))), max(1, int(parameters.get("per_page", 15)))
    except ValueError:
        raise Refusal(422, "分页参数错误") from None
    per_page = min(per_page, _MOST_PER_PAGE)
    shown = [write(item) for item in items[(page - 1) * per_page : page * per_page]]
    return envelope(shown, meta=page_meta(len(items), page, per_page))
