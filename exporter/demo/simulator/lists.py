"""The lists of an account as its callers see them: whose tasks they hold, filters, pages, and oddities on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeVar

from exporter.demo.simulator.documents import Refusal, envelope, page_meta
from exporter.demo.simulator.platform import SimulatedAccount, SimulatedTask

Item = TypeVar("Item")
Parameters = Sequence[tuple[str, str]]
_LISTS: Final = {"tasks": (1, False), "all_tasks": (1, True), "new_tasks": (2, False), "subset_tasks": (2, True)}
"""The generation of the tasks in each list, and whether they are the sub-accounts'."""
_UNFILTERED: Final = "subset_tasks"
"""The list for which no filter by status is documented."""
_MOST_PER_PAGE: Final = 100


def write_tasks(
    account: SimulatedAccount, endpoint: str, parameters: Parameters, now: float, oddities: AbstractSet[str]
) -> bytes:
    """Write the page of a list of tasks that is asked for, at a simulated time. Raises Refusal."""
    generation, of_sub_accounts = _LISTS[endpoint]
    name = dict(parameters).get("name", "")
    states = {value for key, value in parameters if key.partition("[")[0] == "status"}
    if endpoint == _UNFILTERED or "status_ignored" in oddities:
        states = set()
    owners = _owners(account, dict(parameters).get("sub_user_id"), of_sub_accounts=of_sub_accounts)

    def is_wanted(task: SimulatedTask) -> bool:
        if task.gone or task.generation != generation or task.owner not in owners or name not in task.name:
            return False
        if states:
            task.campaign.advance(now)
        return not states or task.status_number(now) in states

    tasks = list(filter(is_wanted, account.tasks.values()))
    return _page(tasks, lambda task: task.listed(now, oddities), parameters, oddities)


def write_sub_users(account: SimulatedAccount, parameters: Parameters, oddities: AbstractSet[str]) -> bytes:
    """Write the page of the list of sub-accounts that is asked for. Raises Refusal."""
    users = list(enumerate(account.sub_users, start=1))
    return _page(users, lambda user: {"uuid": user[1], "name": f"子账号{user[0]}"}, parameters, oddities)


def _owners(account: SimulatedAccount, sub_user: str | None, *, of_sub_accounts: bool) -> Sequence[str]:
    """Return whose tasks a list holds. Raises Refusal for somebody else's sub-account."""
    if of_sub_accounts:
        return account.sub_users
    if sub_user is not None and sub_user not in account.sub_users:
        raise Refusal(403, "无权访问该子账号")
    return (sub_user or account.user_id,)


def _page(
    items: Sequence[Item],
    write: Callable[[Item], dict[str, Any]],
    parameters: Parameters,
    oddities: AbstractSet[str],
) -> bytes:
    """Write the page that is asked for; only its own items are written. Raises Refusal."""
    asked = dict(parameters)
    try:
        page, per_page = max(1, int(asked.get("page", 1))), max(1, int(asked.get("per_page", 15)))
    except ValueError:
        raise Refusal(422, "分页参数错误") from None
    per_page = min(per_page, _MOST_PER_PAGE)
    if "page_ignored" in oddities:
        page = 1
    if "shrinking" in oddities:  # since the page before its first item has left, and all others have moved up
        items = items[page - 1 :]
    shown = [] if "empty_page" in oddities else items[(page - 1) * per_page : page * per_page]
    return envelope([write(item) for item in shown], meta=page_meta(len(items), page, per_page))
