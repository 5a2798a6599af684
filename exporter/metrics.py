"""The table of metric families: name, type, help, labels, and where the value comes from.

To add a metric of a task, add a row here: rendering, HELP lines and the windowed twin follow from it. Families of tasks
are rendered by ``exposition``; the exporter's own are an ordinary prometheus-client registry, ``ExporterMetrics``.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Generic, TypeAlias, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.model import TaskState, TaskStats
from exporter.store import Reading, Store, TaskStatus

Source = TypeVar("Source")
Values: TypeAlias = float | Mapping[str, float] | Mapping[tuple[str, ...], float] | None
"""A number (None: no sample) for a family with no labels of its own; by label value for one; by tuple for more."""


@dataclass(frozen=True, slots=True)
class Family(Generic[Source]):
    """A metric family of tasks: ``labels`` stand beside ``account`` and ``task``, ``read`` gives the values.

    A ``lasting`` family stays on the page when a task's statistics have gone stale; a ``fixed`` one follows from what
    the task is, and not from its polls. ``free_labels`` says that label values differ from task to task.
    """

    name: str
    help: str
    read: Callable[[Source], Values]
    labels: tuple[str, ...] = ()
    type: str = "gauge"
    lasting: bool = False
    fixed: bool = False
    free_labels: bool = False


_FLAGS: Final = {state: {each.value: int(each is state) for each in TaskState} for state in TaskState}


def status_families(info_labels: tuple[str, ...]) -> tuple[Family[TaskStatus], ...]:
    """Return the families that tell of a task beside its statistics; ``info_labels`` are the configured label names."""

    def info(status: TaskStatus) -> Values:
        task = status.task
        labels = task.labels or ("",) * len(info_labels)
        return {(task.name, task.ref.sub_user_id or "", task.generation, *labels): 1}

    return (
        Family(
            "yunfu_task_info",
            "Name and origin of a task, always 1; join on account and task. sub_account is empty for the account's own tasks.",
            info,
            ("name", "sub_account", "generation", *info_labels),
            lasting=True,
            fixed=True,
        ),
        Family(
            "yunfu_task_state",
            "1 for the state the platform lists the task in, 0 for the others; unknown if it was not looked up.",
            lambda status: _FLAGS[status.task.state],
            ("state",),
            lasting=True,
            fixed=True,
        ),
        Family(
            "yunfu_task_up",
            "1 if the last poll of the task worked, 0 if it failed; the log and the exporter's page say why.",
            lambda status: status.up,
            lasting=True,
        ),
        Family(
            "yunfu_task_last_success_timestamp_seconds",
            "When the task's statistics were last read, Unix time. All numbers of the task are as old as this.",
            lambda status: status.last_success,
            lasting=True,
        ),
        Family(
            "yunfu_task_poll_interval_seconds",
            "Seconds between two polls of the task right now: longer while it is idle or the API quota is short.",
            lambda status: status.interval,
            lasting=True,
        ),
        Family(
            "yunfu_task_answer_ratio_threshold",
            "Configured minimum of the task's answer ratio, 0-1; alert rules compare with it.",
            lambda status: status.task.min_answer_ratio,
            fixed=True,
        ),
        Family(
            "yunfu_task_concurrency_limit",
            "Calls the task may make at once, as the platform lists it.",
            lambda status: status.task.concurrency_limit,
            fixed=True,
        ),
        Family(
            "yunfu_task_created_timestamp_seconds",
            "When the task was created on the platform, Unix time.",
            lambda status: status.task.created,
            fixed=True,
        ),
    )


STATS_FAMILIES: Final[tuple[Family[TaskStats], ...]] = (
    Family("yunfu_task_answered_calls", "Calls that were answered.", lambda s: s.answered),
    Family("yunfu_task_unanswered_calls", "Calls that were not answered.", lambda s: s.unanswered),
    Family(
        "yunfu_task_answer_ratio",
        "Share of calls that were answered, 0-1, as the platform reports it.",
        lambda s: s.answer_ratio,
    ),
    Family(
        "yunfu_task_progress_ratio",
        "Share of the task's list that is done, 0-1, as the platform reports it.",
        lambda s: s.progress_ratio,
    ),
    Family(
        "yunfu_task_numbers",
        "Phone numbers by current status; a number's status changes when it is dialled again.",
        lambda s: s.numbers,
        ("status",),
    ),
    Family(
        "yunfu_task_intention_calls",
        "Graded calls by the called person's intention: A (clear) to E (other), or a custom level.",
        lambda s: s.intention_calls,
        ("intention",),
    ),
    Family(
        "yunfu_task_intention_ratio",
        "Share of all graded calls by intention, 0-1.",
        lambda s: s.intention_ratios,
        ("intention",),
    ),
    Family(
        "yunfu_task_round_calls",
        "Calls by number of conversation rounds.",
        lambda s: s.round_calls,
        ("rounds",),
    ),
    Family("yunfu_task_tag_calls", "Calls by business tag.", lambda s: s.tag_calls, ("tag",), free_labels=True),
    Family(
        "yunfu_task_llm_tag_calls",
        "Calls by the tag that a language model gave them.",
        lambda s: s.llm_tag_calls,
        ("tag",),
        free_labels=True,
    ),
)

COUNTER_FAMILIES: Final[tuple[Family[Reading], ...]] = (
    Family(
        "yunfu_task_calls_total",
        "Calls made since the exporter started, by outcome. For rate() and increase().",
        lambda reading: reading.calls,
        ("outcome",),
        type="counter",
    ),
    Family(
        "yunfu_task_number_results_total",
        "Phone numbers that reached a status since the exporter started; a redialled number counts each time.",
        lambda reading: {status: count for status, count in reading.numbers.items() if status != "waiting"},
        ("status",),
        type="counter",
    ),
    Family(
        "yunfu_task_resets_total",
        "Times the platform's count of calls fell by more than half: the task was reset or restarted.",
        lambda reading: reading.resets,
        type="counter",
    ),
)

WINDOW_FAMILIES: Final[tuple[Family[TaskStats], ...]] = tuple(
    replace(
        family,
        name=family.name.replace("yunfu_task_", "yunfu_task_window_", 1),
        help=f"Within the window only: {family.help}",
        labels=("window", *family.labels),
    )
    for family in STATS_FAMILIES
)


HTTP_REFUSALS: Final = (
    "connections",  # all connections were in use
    "slow_request",  # a request was not complete in time
    "slow_reader",  # an answer was not read in time
    "too_large",  # a request was too large
    "malformed",  # it was not HTTP
    "tls",  # the TLS handshake failed, or the client's certificate was not accepted
    "rate_limited",  # rate_limit of the web configuration
    "unauthorized",  # no password, or a wrong one
    "busy",  # too many passwords were waiting to be checked
    "probes",  # more probes of an account than it can answer in time
)
"""Why a request or connection is turned away."""


class ExporterMetrics:
    """The exporter's own metrics and those of the accounts, in a registry of their own."""

    def __init__(self, version: str, revision: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the counters and tell little
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.request_duration = Histogram(
            "yunfu_exporter_api_request_duration_seconds",
            "Duration of calls to the platform's API, failed ones included; its _count is the number of calls.",
            ("account", "endpoint"),
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.failures = Counter(
            "yunfu_exporter_api_failures_total",
            "Calls to the platform's API that failed, by reason.",
            ("account", "endpoint", "reason"),
            registry=self.registry,
        )
        self.throttled_seconds = Counter(
            "yunfu_exporter_api_throttled_seconds_total",
            "Seconds that calls waited for the rate limit or were held back by the platform.",
            ("account",),
            registry=self.registry,
        )
        self.poll_lag = Histogram(
            "yunfu_exporter_poll_lag_seconds",
            "How late polls start; seconds of lag mean that the API quota is short or calls are slow.",
            ("account",),
            buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900),
            registry=self.registry,
        )
        self.unread_fields = Counter(
            "yunfu_exporter_unread_fields_total",
            "Parts of the platform's responses that could not be read, by the platform's field name.",
            ("account", "field"),
            registry=self.registry,
        )
        self.reload_successful = Gauge(
            "yunfu_exporter_config_last_reload_successful",
            "1 if the last load of the configuration worked, 0 if it failed and the previous one is still in use.",
            registry=self.registry,
        )
        self.reload_success_timestamp = Gauge(
            "yunfu_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration in use was loaded, Unix time.",
            registry=self.registry,
        )
        self._http_refusals = Counter(
            "yunfu_exporter_http_refusals_total",
            "Requests and connections that the exporter's own port rejected, by reason.",
            ("reason",),
            registry=self.registry,
        )
        for reason in HTTP_REFUSALS:
            self._http_refusals.labels(reason)
        self._shard_ordinal = Gauge(
            "yunfu_exporter_shard_ordinal",
            "Which shard of the tasks this exporter polls, from 0; none if it is not below yunfu_exporter_shards.",
            registry=self.registry,
        )
        self._shards = Gauge(
            "yunfu_exporter_shards",
            "How many exporters share the tasks, according to this one's configuration.",
            registry=self.registry,
        )
        self._links = Gauge(
            "yunfu_exporter_links_info",
            "Configured URLs that alerts link to, always 1; no sample if none is configured.",
            ("grafana", "runbook"),
            registry=self.registry,
        )
        build_info = Gauge(
            "yunfu_exporter_build_info",
            "What is running, always 1.",
            ("version", "revision", "python_version"),
            registry=self.registry,
        )
        build_info.labels(version, revision, platform.python_version()).set(1)

    def count_failures_from_zero(self, account: str, endpoints: Iterable[str], reasons: Iterable[str]) -> None:
        """Show the failures that can be expected of an account before there are any."""
        for endpoint, reason in product(endpoints, reasons):
            self.failures.labels(account, endpoint, reason)

    def note_refusal(self, reason: str) -> None:
        """Count a request or connection that was turned away, for one of the reasons in HTTP_REFUSALS."""
        self._http_refusals.labels(reason).inc()

    def show_shard(self, ordinal: int, total: int) -> None:
        """Tell which part of the tasks this exporter polls."""
        self._shard_ordinal.set(ordinal)
        self._shards.set(total)

    def show_links(self, grafana: str | None, runbook: str | None) -> None:
        """Tell the addresses that alerts lead to, instead of those told before; None is one that is not configured."""
        self._links.clear()
        if grafana or runbook:
            self._links.labels(grafana or "", runbook or "").set(1)


class AccountCollector(Collector):
    """Reads the accounts' metrics from the store when scraped, so that a removed account leaves no sample behind."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Name the families, for the registry's check on duplicates."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Fill the families from the store."""
        up, expiry, discovery, interval, limit, left_out, tasks = families = self._families()
        counts = self._store.count_states()
        for status in self._store.accounts():
            labels = [status.name]
            _add(up, labels, status.up)
            _add(expiry, labels, status.token_expiry)
            _add(discovery, labels, status.discovery_last_success)
            _add(interval, labels, status.discovery_interval)
            _add(limit, labels, status.rate_limit)
            left_out.add_metric(labels, status.tasks_left_out)
            for state in TaskState:
                tasks.add_metric([status.name, state.value], counts[status.name, state])
        return families

    def _families(self) -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily(
                "yunfu_account_up",
                "1 if the platform served the account's last call, 0 if it refused the account or could not be reached.",
                labels=["account"],
            ),
            GaugeMetricFamily(
                "yunfu_account_token_expiry_timestamp_seconds",
                "When the account's token expires, Unix time; no sample if the token does not say.",
                labels=["account"],
            ),
            GaugeMetricFamily(
                "yunfu_account_discovery_last_success_timestamp_seconds",
                "When the account's list of tasks was last read completely, Unix time.",
                labels=["account"],
            ),
            GaugeMetricFamily(
                "yunfu_account_discovery_interval_seconds",
                "Seconds between two readings of the account's list of tasks; no sample without discovery.",
                labels=["account"],
            ),
            GaugeMetricFamily(
                "yunfu_account_rate_limit",
                "API calls a second that this exporter may make for the account; more have to wait.",
                labels=["account"],
            ),
            GaugeMetricFamily(
                "yunfu_account_tasks_left_out",
                "Discovered tasks that are not polled because the account is over its max_tasks.",
                labels=["account"],
            ),
            GaugeMetricFamily(
                "yunfu_account_tasks",
                "Known tasks by state, polled or not.",
                labels=["account", "state"],
            ),
        ]


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)
