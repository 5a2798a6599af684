"""PromQL about the one task that the variables ``account`` and ``task`` choose.

Each expression is one series without labels, or one for each value of the label that its function names, so that they can
be put together without ``on``. ``max`` takes away what Prometheus adds to a target; a second exporter counts nothing twice.
"""

from collections.abc import Iterable
from typing import Final

from grafana.board import WINDOW
from grafana.queries import CERTAIN, STALE_PENDING, chosen

BEFORE: Final = "24h"
"""The past that a task is compared with: so long before the window."""

RANGE: Final = "$__range"
"""The dashboard's time range."""

FIRING: Final = 'alertstate="firing"'
CALLS: Final = "yunfu_task_calls_total"
RESULTS: Final = "yunfu_task_number_results_total"
ANSWERED: Final = 'outcome="answered"'

CAUSES: Final = {
    "line": "carrier_blocked",
    "list": "invalid_number|suspended|arrears",
    "refusals": "rejected|user_blocked|blacklisted",
    "misses": "no_answer|powered_off|busy",
}
"""The statuses by what is behind them, as the alert rules have it."""

NO_VALUE: Final = -1
"""Where there is none, in a table that has a cell for it."""

REST: Final = "incoming_barred|code_.*"
FAILURES: Final = "|".join((*CAUSES.values(), REST))


def one(metric: str, *matchers: str) -> str:
    """Select a metric of the task."""
    return chosen(metric, 'task="$task"', *matchers)


def by(label: str, metric: str, *matchers: str) -> str:
    """Return a metric by a label."""
    return f"max by ({label}) ({one(metric, *matchers)})"


def value(metric: str, *matchers: str) -> str:
    """Return a metric that the task has once."""
    return f"max({one(metric, *matchers)})"


def total(label: str, metric: str, *matchers: str) -> str:
    """Return the sum of a metric over a label."""
    return f"sum({by(label, metric, *matchers)})"


def grown(label: str, counter: str, span: str, *matchers: str) -> str:
    """Return by how much a counter grew, by a label; ``span`` is a duration, with an offset if it is past."""
    duration, _, offset = span.partition(" ")
    return f"max by ({label}) (increase({one(counter, *matchers)}[{duration}]{offset and f' {offset}'}))"


PAST: Final = f"{BEFORE} offset {WINDOW}"


def answered(span: str = WINDOW) -> str:
    """Return the answered calls."""
    return f"sum({grown('outcome', CALLS, span, ANSWERED)})"


def calls(span: str = WINDOW) -> str:
    """Return the calls, if there were any."""
    return f"(sum({grown('outcome', CALLS, span)}) > 0)"


def answer_rate(span: str = WINDOW) -> str:
    """Return the share of answered calls."""
    return f"{answered(span)} / {calls(span)}"


def bound(sign: str) -> str:
    """Return the upper (+) or lower (-) bound of the answer rate after Wilson, ``CERTAIN`` standard deviations away."""
    count, square = calls(), CERTAIN**2
    spread = f"sqrt({answered()} * ({count} - {answered()}) / {count} + {square / 4:g})"
    return f"({answered()} + {square / 2:g} {sign} {CERTAIN:g} * {spread}) / ({count} + {square:g})"


def threshold() -> str:
    """Return the least answer rate that the task should have; only one with fresh statistics has it."""
    return value("yunfu_task_answer_ratio_threshold")


def results(span: str = WINDOW) -> str:
    """Return the results that numbers came to, if there were any."""
    return f"(sum({grown('status', RESULTS, span)}) > 0)"


def result_shares(span: str = WINDOW, statuses: str = ".+") -> str:
    """Return the shares of the results that numbers came to, by status."""
    some = grown("status", RESULTS, span, f'status=~"{statuses}"')
    return f"{some} / on () group_left () {results(span)}"


def cause() -> str:
    """Return the number, from 1 on, of the cause that has grown most against the hours before; 0 if none stands out.

    It stands out if its share has grown by more than chance: two standard errors at most.
    """
    statuses = "|".join(CAUSES.values())
    growth = f"{result_shares(WINDOW, statuses)} - {result_shares(PAST, statuses)}"
    for number, some in enumerate(CAUSES.values(), start=1):
        growth = f'label_replace({growth}, "cause", "{number}", "status", "{some}")'
    largest = f"topk(1, sum by (cause) ({growth}) > on () group_left () (1 / sqrt({results()})))"
    numbers = numbered("cause", ((number, f"vector({number})") for number in range(1, len(CAUSES) + 1)))
    return f"(sum(({numbers}) and on (cause) {largest}) or {threshold()} * 0)"


def first_of(cases: Iterable[tuple[int, str]]) -> str:
    """Return the number of the first case whose expression has a value."""
    return " or ".join(f"({expr}) * 0 + {number}" for number, expr in cases)


def is_state(state: str) -> str:
    """Return a value if the task is in a state."""
    matcher = f'state="{state}"'
    return f"{value('yunfu_task_state', matcher)} == 1"


def is_stale() -> str:
    """Return a value if the task has been unread for as long as the alert on it waits."""
    return f"{value('yunfu:task:stale')} and max({one('yunfu:task:stale')} offset {STALE_PENDING})"


def is_late() -> str:
    """Return a value if the task is polled but has no fresh statistics, which may not be for long."""
    return f"{value('yunfu_task_poll_interval_seconds')} unless {threshold()}"


def is_gone() -> str:
    """Return a value if the task was known in the time range and is not now, though the account is."""
    known = one("yunfu_task_info")
    return f"max(last_over_time({known}[{RANGE}])) unless on () {known} and on () {chosen('yunfu_account_up')}"


def fires(alert: str) -> str:
    """Return a value if an alert on the task fires."""
    return value("ALERTS", f'alertname="{alert}"', FIRING)


def warns() -> str:
    """Return a value if a warning on the task fires."""
    return value("ALERTS", 'alertname=~"Yunfu.+"', FIRING, 'severity="warning"')


def alerts_since() -> str:
    """Return when the alerts on the task that fire began to be true (Unix time in ms), by ``alertname``; 0 if nobody says when."""
    firing = one("ALERTS", 'alertname=~"Yunfu.+"', FIRING)
    since = f"1000 * {one('ALERTS_FOR_STATE')} and ignoring (alertstate) {firing}"
    return f"max by (alertname) ({since}) or max by (alertname) ({firing} * 0)"


def no_alert() -> str:
    """Return a value if no alert on the task fires; nothing if Prometheus does not have our rules."""
    return f"{value('yunfu:task:info')} unless on () {one('ALERTS', FIRING)}"


def lacks_rules() -> str:
    """Return a value if the task has fresh statistics and Prometheus does not have our rules."""
    return f"{threshold()} unless on () group(yunfu:task:info)"


def is_low(under: str = "<") -> str:
    """Return a value if the answer rate is under the threshold; with ``< bool`` 1 if it is and 0 if not."""
    return f"{answer_rate()} {under} {threshold()}"


def is_surely_low(under: str = "<") -> str:
    """Return the same for an answer rate that is under the threshold by more than chance allows."""
    return f"{bound('+')} {under} {threshold()}"


def time_share(condition: str) -> str:
    """Return for what share of the time range a condition, an expression of 0 and 1, held, of the time in which there is any."""
    return f"avg_over_time(({condition})[{RANGE}:5m])"


def time_left() -> str:
    """Return the seconds of dialling that are left at the pace of the window, if it gets on."""
    pace = f"max(deriv({one('yunfu_task_progress_ratio')}[{WINDOW}]))"
    return f"(1 - {value('yunfu_task_progress_ratio')}) / ({pace} > 0)"


def is_done() -> str:
    """Return a value if every number has its result."""
    return f"{value('yunfu_task_progress_ratio')} >= 1"


def numbered(label: str, exprs: Iterable[tuple[int, str]]) -> str:
    """Return several expressions as one, distinguished by a label."""
    return " or ".join(f'label_replace({expr}, "{label}", "{number}", "", "")' for number, expr in exprs)


def in_order(metric: str, label: str, values: Iterable[str]) -> str:
    """Return a metric by a label, in the order of the given values."""
    return " or ".join(by(label, metric, f'{label}="{value}"') for value in values)


_BEGUN: Final = "vector(time() - 3600 + 3600 * $utc_offset)"
_HOUR_AND_DAY: Final = (
    f'* on () group_left (hour) count_values("hour", hour({_BEGUN}) >= 6 < 23 or vector(23))'
    f' * on () group_left (day) count_values("day", (day_of_week({_BEGUN}) + 6) % 7 + 1)'
)
"""Gives a series the weekday (1: Monday) and the hour that began an hour ago in the platform's time zone, as labels.

From 23 to 6 next to nobody calls. These hours are one: Grafana's columns are 50 pixels wide at least, and there is no room for each.
"""


def by_hour(expr: str) -> str:
    """Sum an expression, evaluated at each full hour of four weeks, by weekday and hour of the day."""
    return f"sum_over_time(({expr} {_HOUR_AND_DAY})[28d:1h])"


def every_hour(expr: str) -> str:
    """Return what is by weekday and hour for each hour of the week, named in their order; ``NO_VALUE`` where there is none."""
    all_hours = f"last_over_time((vector({NO_VALUE}) {_HOUR_AND_DAY})[7d:1h])"
    one_digit = f'label_replace({expr} or {all_hours}, "hour", "0$1", "hour", "(.)")'
    return f'label_replace({one_digit}, "hour", "23–5", "hour", "23")'
