"""PromQL that several dashboards use.

Whatever Prometheus adds to a target (job, instance, a replica's name) is aggregated away with ``max``, so two exporters that
read the same account count once.
"""

from typing import Final

CERTAIN: Final = 2.7
"""Standard deviations beyond which an answer rate is not under its threshold by chance; the alert rules use the same."""

_ACTIVE: Final = 'state=~"running|unknown"'


def chosen(metric: str, *matchers: str) -> str:
    """Select a metric of the accounts in view; further matchers are written as in PromQL: ``status="busy"``."""
    return metric + "{" + ", ".join(('account=~"$account"', *matchers)) + "}"


def per_task(expr: str, *labels: str) -> str:
    """Return one series a task and value of the further ``labels``."""
    return f"max by ({', '.join(('account', 'task', *labels))}) ({expr})"


def per_account(expr: str, *labels: str) -> str:
    """Return one series an account and value of the further ``labels``."""
    return f"max by ({', '.join(('account', *labels))}) ({expr})"


def increase(counter: str, window: str) -> str:
    """Return by how much a counter grew within a window."""
    return f"increase({counter}[{window}])"


def named(expr: str) -> str:
    """Add the label ``name``, the task's name, to series that have ``account`` and ``task``."""
    return f"({expr}) * on (account, task) group_left (name) {per_task(chosen('yunfu_task_info'), 'name')}"


def calls(window: str) -> str:
    """Return the calls of each task within a window."""
    return f"sum by (account, task) ({calls_by_outcome(window)})"


def calls_by_outcome(window: str) -> str:
    """Return the calls of each task within a window, by outcome."""
    return per_task(increase(chosen("yunfu_task_calls_total"), window), "outcome")


def answered(window: str) -> str:
    """Return the answered calls of each task within a window."""
    return per_task(increase(chosen("yunfu_task_calls_total", 'outcome="answered"'), window))


def failures(window: str) -> str:
    """Return the numbers of each task that came to another end than a talk within a window, by status."""
    counter = chosen("yunfu_task_number_results_total", 'status!="connected"')
    return per_task(increase(counter, window), "status")


def answer_rate(window: str) -> str:
    """Return the share of answered calls of each task within a window; without calls, nothing."""
    return f"{answered(window)} / ({calls(window)} > 0)"


def threshold() -> str:
    """Return the least answer rate that each task should have; only tasks with fresh statistics have one."""
    return per_task(chosen("yunfu_task_answer_ratio_threshold"))


def shortfall(window: str) -> str:
    """Return how far each task's answered calls are under those its threshold asks for, in standard deviations.

    Over ``CERTAIN`` is the same as the upper Wilson bound of the answer rate being under the threshold.
    """
    bar, total = threshold(), calls(window)
    return f"({bar} * {total} - {answered(window)}) / sqrt({bar} * (1 - {bar}) * ({total} > 0))"


def active() -> str:
    """Return 1 for each task that may be dialling: those listed as running, and those that no list tells of."""
    return f"sum by (account, task) ({per_task(chosen('yunfu_task_state', _ACTIVE), 'state')}) == 1"


def stale() -> str:
    """Return the tasks that are polled but have no fresh statistics."""
    return f"{per_task(chosen('yunfu_task_poll_interval_seconds'))} unless on (account, task) {threshold()}"


def firing(severity: str) -> str:
    """Return the alerts on tasks that fire, by name; none if Prometheus does not have our rules."""
    alerts = chosen("ALERTS", 'alertname=~"YunfuTask.+"', 'alertstate="firing"', f'severity=~"{severity}"')
    return per_task(alerts, "alertname")
