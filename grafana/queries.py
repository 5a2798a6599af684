"""PromQL that several dashboards use.

Whatever Prometheus adds to a target (job, instance, a replica's name) is aggregated away with ``max``, so two exporters that
read the same account count once.
"""


def chosen(metric: str, *matchers: str) -> str:
    """Select a metric of the accounts in view; further matchers are written as in PromQL: ``status="busy"``."""
    return metric + "{" + ", ".join(('account=~"$account"', *matchers)) + "}"


def per_task(expr: str, *labels: str) -> str:
    """Return one series a task and value of the further ``labels``."""
    return f"max by ({', '.join(('account', 'task', *labels))}) ({expr})"


def named(expr: str) -> str:
    """Add the label ``name``, the task's name, to series that have ``account`` and ``task``."""
    return f"{expr} * on (account, task) group_left (name) {per_task(chosen('yunfu_task_info'), 'name')}"
