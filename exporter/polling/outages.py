"""The log of failing polls: one line when a failure begins and one when it ends, and none per poll.

What the platform refuses for one task is that task's failure. What concerns the account or the way to the platform is
an outage: one line for all tasks that it hits.
"""

from __future__ import annotations

from exporter.api.errors import ApiError
from exporter.api.model import Task, TaskRef
from exporter.logs import get_logger

log = get_logger(__name__)


class Outages:
    """The failing tasks of one account, and the outages that they are part of."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._failing: dict[TaskRef, tuple[str, bool]] = {}  # the reason, and whether the failure is the task's own
        self._outages: dict[str, set[TaskRef]] = {}  # by reason
        self._refused: set[TaskRef] = set()

    def record(self, task: Task, error: ApiError | None) -> None:
        """Record the outcome of a task's poll, and log it if it differs in kind from the poll before.

        A token that is refused for one task is logged at the second time: by then the other calls show what it means.
        """
        was_refused = task.ref in self._refused
        self._refused.discard(task.ref)
        if error is not None and error.refuses_token and error.is_tasks_own:
            self._refused.add(task.ref)
            if not was_refused:
                return
        before = self._failing.get(task.ref)
        kind = None if error is None else (error.reason, error.is_tasks_own)
        if kind == before:
            return
        self.forget(task.ref)
        if before is not None and before[1] and error is None:
            log.info("task is read again", account=self._account, task=task.ref.id, name=task.name)
        if error is None or kind is None:
            return
        self._failing[task.ref] = kind
        if error.is_tasks_own:
            log.warning(
                "task cannot be read",
                account=self._account,
                task=task.ref.id,
                name=task.name,
                reason=error.reason,
                error=str(error),
            )
        else:
            self._begin(task.ref, error)

    def forget(self, ref: TaskRef) -> None:
        """Forget a task's failure; an outage of this task alone has ended."""
        reason, is_tasks_own = self._failing.pop(ref, ("", True))
        if is_tasks_own:
            return
        tasks = self._outages[reason]
        tasks.discard(ref)
        if not tasks:
            del self._outages[reason]
            log.info("calls no longer fail for this reason", account=self._account, reason=reason)

    def _begin(self, ref: TaskRef, error: ApiError) -> None:
        tasks = self._outages.setdefault(error.reason, set())
        if not tasks:
            log.warning("calls fail", account=self._account, reason=error.reason, error=error, task=ref.id)
        tasks.add(ref)
