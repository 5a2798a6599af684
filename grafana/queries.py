"""PromQL that several dashboards use.

Whatever Prometheus adds to a target (job, instance, a replica's name) is aggregated away with ``max``, so two exporters that
read the same account count once.
"""

from dataclasses import dataclass
from typing import Final

CERTAIN: Final = 2.7
"""Standard deviations beyond which an answer rate is not under its threshold by chance; the alert rules use the same."""


STALE_PENDING: Final = "5m"
"""For how long the alerts on unread tasks wait, as the rules have it."""


def chosen(metric: str, *matchers: str) -> str:
    """Select a metric of the accounts in view; further matchers are written as in PromQL: ``status="busy"``."""
    return metric + "{" + ", ".join(('account=~"$account"', *matchers)) + "}"


def per_account(expr: str, *labels: str) -> str:
    """Return one series an account and value of the further ``labels``."""
    return f"max by ({', '.join(('account', *labels))}) ({expr})"


def per_task(expr: str, *labels: str) -> str:
    """Return one series a task and value of the further ``labels``."""
    return f"max by ({', '.join(('account', 'task', *labels))}) ({expr})"


def count(expr: str, among: str) -> str:
    """Return how many series there are; none is 0 only where there is something ``among`` which to look, and else no data."""
    return f"count({expr}) or count({among}) * 0"


def of_team(expr: str) -> str:
    """Keep of the series of tasks those of the teams in view. All teams are all tasks, those that have no team too.

    It is asked once of a whole, not of each part: it looks at every task.
    """
    return f"(({expr}) and on (account, task) {chosen('yunfu_task_info', _TEAM)})"


_TEAM: Final = 'team=~"$team"'


def added(expr: str) -> str:
    """Return the sum of each task's series."""
    return f"sum by (account, task) ({expr})"


@dataclass(frozen=True, slots=True)
class Tasks:
    """Queries of many tasks at once, one series a task and value of the label that the function names.

    ``matchers`` narrow down which tasks; a window is a duration or the variable of one.
    """

    matchers: tuple[str, ...] = ()

    def value(self, metric: str, *labels: str, of: str = "") -> str:
        """Return a gauge, by ``labels``; ``of`` is a further matcher."""
        return per_task(self._chosen(metric, of), *labels)

    def calls_by_outcome(self, window: str) -> str:
        """Return the calls within a window, by ``outcome``."""
        return self._increase("yunfu_task_calls_total", window, "outcome")

    def calls(self, window: str) -> str:
        """Return the calls within a window."""
        return added(self.calls_by_outcome(window))

    def answered(self, window: str) -> str:
        """Return the answered calls within a window."""
        return self._increase("yunfu_task_calls_total", window, of='outcome="answered"')

    def answer_rate(self, window: str) -> str:
        """Return the share of answered calls within a window; without calls, nothing."""
        return f"{self.answered(window)} / ({self.calls(window)} > 0)"

    def main_reason(self, window: str) -> str:
        """Return the most frequent ``status`` of the numbers that failed within a window, and its share of them."""
        failed = self._increase("yunfu_task_number_results_total", window, "status", of='status!="connected"')
        return f"topk by (account, task) (1, {failed} / on (account, task) group_left () ({added(failed)} > 0))"

    def threshold(self) -> str:
        """Return the least answer rate that each task should have; only tasks with fresh statistics have one."""
        return self.value("yunfu_task_answer_ratio_threshold")

    def shortfall(self, window: str) -> str:
        """Return by how much too few calls were answered for the threshold, in standard deviations; of dialling tasks.

        Over ``CERTAIN`` is the same as the upper Wilson bound of the answer rate being under the threshold.
        """
        bar, calls = self.threshold(), self.calls(window)
        deviation = f"sqrt((0.25 - ({bar} - 0.5) ^ 2) * ({calls} > 0))"  # bar * (1 - bar), which would ask for it twice
        idle = f"({self._chosen('yunfu_task_state', _IDLE)} == 1)"
        inbound = self._chosen("yunfu_task_info", _INBOUND)
        shortfall = f"({bar} * {calls} - {self.answered(window)}) / {deviation}"
        return f"{shortfall} unless on (account, task) {idle} unless on (account, task) {inbound}"

    def dialling(self) -> str:
        """Return 1 for each task that may be dialling: those listed as running, and those that are in no list; no inbound ones."""
        inbound = self._chosen("yunfu_task_info", _INBOUND)
        return (
            f"{added(self.value('yunfu_task_state', 'state', of=_DIALLING))} == 1 unless on (account, task) {inbound}"
        )

    def stale(self) -> str:
        """Return the tasks that have been unread for as long as the alerts on them wait; none without our rules."""
        unread = self.value("yunfu:task:stale")
        return f"{unread} and on (account, task) ({self._chosen('yunfu:task:stale', '')} offset {STALE_PENDING})"

    def late(self) -> str:
        """Return the tasks that are polled but have no fresh statistics, which may not be for long."""
        fresh = self._chosen("yunfu_task_answer_ratio_threshold", "")
        interval = self._chosen("yunfu_task_poll_interval_seconds", "")
        return per_task(f"{interval} unless on (account, task) {fresh}")

    def done(self) -> str:
        """Return the tasks of which every number has its result; those with fresh statistics."""
        return per_task(f"{self._chosen('yunfu_task_progress_ratio', '')} >= 1")

    def inbound(self) -> str:
        """Return the tasks that dial nobody."""
        return self.value("yunfu_task_info", of=_INBOUND)

    def left(self, window: str) -> str:
        """Return the seconds of dialling that are left at the pace of a window; of tasks that get on."""
        progress = "yunfu_task_progress_ratio"
        pace = per_task(f"deriv({self._chosen(progress, '')}[{window}])")
        return f"(1 - {self.value(progress)}) / ({pace} > 0)"

    def trouble(self) -> str:
        """Return the tasks of which a critical alert fires; none without our rules."""
        return added(self.firing("critical"))

    def firing(self, severity: str) -> str:
        """Return the alerts on tasks that fire, by ``alertname``; none if Prometheus does not have our rules."""
        ours = f'alertname=~"YunfuTask.+", alertstate="firing", severity="{severity}"'
        return self.value("ALERTS", "alertname", of=ours)

    def named(self, expr: str) -> str:
        """Add the label ``name``, the task's name, to series that have ``account`` and ``task``."""
        return f"({expr}) * on (account, task) group_left (name) {self.value('yunfu_task_info', 'name')}"

    def _increase(self, counter: str, window: str, *labels: str, of: str = "") -> str:
        return per_task(f"increase({self._chosen(counter, of)}[{window}])", *labels)

    def _chosen(self, metric: str, of: str) -> str:
        return chosen(metric, *self.matchers, *filter(None, [of]))


_IDLE: Final = 'state=~"paused|waiting"'
_INBOUND: Final = 'kind="inbound"'
_DIALLING: Final = 'state=~"running|unknown"'


@dataclass(frozen=True, slots=True)
class AllTasks(Tasks):
    """Queries of every task there is, however many: calls are those that the shipped rules record, of windows that they do.

    The counters themselves take longer, and the longer the window, the longer: they serve where ``RECORDED`` is empty.
    """

    def calls(self, window: str) -> str:
        """Return the calls within a window."""
        return self._recorded("yunfu:task_calls:increase", window, _UNRECORDED.calls(window))

    def answered(self, window: str) -> str:
        """Return the answered calls within a window."""
        return self._recorded("yunfu:task_answered_calls:increase", window, _UNRECORDED.answered(window))

    def _recorded(self, recording: str, window: str, counted: str) -> str:
        return f"""({self.value(recording, of=f'window="{window}"')} or {counted})"""


RECORDED: Final = "recorded"
"""The variable that matches all accounts where the shipped rules record the chosen window, and else is empty."""

_UNRECORDED: Final = Tasks((f'account!~"${RECORDED}"',))
"""Where there is nothing else, all tasks, and none elsewhere: Prometheus evaluates both sides of an ``or``."""

ALL: Final = AllTasks()
