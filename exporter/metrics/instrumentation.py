"""The exporter's own metrics and those of the accounts: an ordinary prometheus-client registry."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from itertools import product
from typing import Final

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

from exporter.api.model import TaskState
from exporter.metrics.store import Store

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

    def forget_account(self, account: str) -> None:
        """Let all series of an account leave."""
        own = self.request_duration, self.failures, self.throttled_seconds, self.poll_lag, self.unread_fields
        for metric in own:
            samples = [sample.labels for family in metric.collect() for sample in family.samples]
            for values in {tuple(v for name, v in labels.items() if name != "le") for labels in samples}:
                if values[0] == account:
                    metric.remove(*values)

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
