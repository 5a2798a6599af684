"""The API as its callers see it: paths, authorization, parameters, and the faults on top."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final, TypeAlias

from exporter.demo.simulator.documents import Refusal, envelope, older_edition, parse_timestamp, renamed_levels
from exporter.demo.simulator.faults import Call, Fault, oddities_of, refuse, strike
from exporter.demo.simulator.lists import write_sub_users, write_tasks
from exporter.demo.simulator.platform import SimulatedAccount, SimulatedTask
from exporter.demo.simulator.server import Request, Response
from exporter.demo.simulator.throttle import Headers, OtherProgram, Throttle

Caller: TypeAlias = Mapping[str, SimulatedAccount]
"""The accounts that a token acts for, by user id."""
_PATHS: Final = {"task": "tasks", "all_task": "all_tasks", "subset_users": "subset_users", "message": "message"}
_NEW_PATHS: Final = {"task": "new_tasks", "subset_task": "subset_tasks"}


class Api:
    """Answers calls. ``now`` is simulated time, ``clock`` the callers'; ``others`` spend of the same quota."""

    def __init__(
        self,
        accounts: Sequence[SimulatedAccount],
        rng: random.Random,
        *,
        now: Callable[[], float],
        clock: Callable[[], float],
        throttle: Throttle,
        others: OtherProgram,
    ) -> None:
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        self._callers: dict[str, dict[str, SimulatedAccount]] = {}
        for account in accounts:
            self._callers.setdefault(f"Bearer {account.token}", {})[account.user_id] = account
        self._rng = rng
        self._now = now
        self._clock = clock
        self._throttle = throttle
        self._others = others

    def answer(self, request: Request) -> Response:
        """Answer a call of the API."""
        bearer = request.headers.get("authorization", "")
        caller = self._callers.get(bearer)
        try:
            user_id, endpoint, task_id = _route(request.path)
        except Refusal as refusal:
            return refuse(refusal)
        if endpoint == "token" and caller is not None:
            user_id = next(iter(caller))
        self.calls[endpoint] += 1
        if task_id is not None:
            self.calls[task_id] += 1
        call = Call(user_id, endpoint, task_id, dict(request.parameters()).get("page", "1") if request.query else "1")
        oddities = oddities_of(self.faults, self._rng, call) if self.faults else frozenset[str]()
        response = self._answer_rightly(request, call, bearer, oddities)
        if self.faults:
            response = strike(self.faults, self._rng, response, call, now=self._clock())
        if response.status == 429:
            self.calls["throttled"] += 1
        return response

    def _answer_rightly(self, request: Request, call: Call, bearer: str, oddities: AbstractSet[str]) -> Response:
        headers: Headers = ()
        try:
            caller, now = self._caller(bearer), self._clock()
            self._others.advance(now)
            headers = self._throttle.spend(bearer, now)
            return Response(self._body(request, _account(caller, call.account), call, oddities), headers=headers)
        except Refusal as refusal:
            response = refuse(refusal)
            return replace(response, headers=response.headers + headers)

    def _caller(self, bearer: str) -> Caller:
        """Return the accounts that a bearer's token acts for. Raises Refusal."""
        if bearer not in self._callers:
            raise Refusal(401, "token无效或已过期")
        return self._callers[bearer]

    def _body(self, request: Request, account: SimulatedAccount, call: Call, oddities: AbstractSet[str]) -> bytes:
        if request.method != "GET":
            raise Refusal(405, "请求方法不允许")
        parameters = request.parameters() if request.query else []
        match call.endpoint:
            case "stat":
                return self._stat(account, account.tasks.get(call.task or ""), parameters, oddities)
            case "subset_users":
                return write_sub_users(account, parameters, oddities)
            case "token":
                return envelope({"valid": True})
            case "message":
                return envelope({"balance": "1024.50"})
        return write_tasks(account, call.endpoint, parameters, self._now(), oddities)

    def _stat(
        self,
        account: SimulatedAccount,
        task: SimulatedTask | None,
        parameters: Sequence[tuple[str, str]],
        oddities: AbstractSet[str],
    ) -> bytes:
        is_older = "older_edition" in oddities
        if task is None or task.gone or (is_older and task.generation == 2):  # a generation's number
            raise Refusal(404, "任务不存在")
        owner = None if task.owner == account.user_id else task.owner
        if owner != (None if is_older else dict(parameters).get("sub_user_id")):
            raise Refusal(403, "无权访问该任务")
        span = _span(parameters)
        body = task.whole_life(self._now()) if span is None else task.span(*span, self._now())
        body = renamed_levels(body) if "renamed_levels" in oddities else body
        return older_edition(body) if is_older else body


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


def _account(caller: Caller, user_id: str) -> SimulatedAccount:
    """Return the account in the path, if the caller's token acts for it. Raises Refusal."""
    if user_id not in caller:
        raise Refusal(403, "无权访问该用户的数据")
    return caller[user_id]


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
