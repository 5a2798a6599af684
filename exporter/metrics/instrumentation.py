"""The exporter's own metrics and those of the accounts in a prometheus-client registry."""

from __future__ import annotations

import collections
import platform
from collections.abc import Iterable
from itertools import product
from typing import Any, TypeVar

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
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.api.model import TaskState
from exporter.logs import dropped_lines
from exporter.metrics.own_families import ACCOUNT_FAMILIES, EXPORTER_FAMILIES
from exporter.metrics.store import Store
from exporter.words.labels import REFUSALS

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


class ExporterMetrics:
    """The exporter's own metrics and their registry."""

    def __init__(self, version: str, revision: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the counters and say little
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.request_duration = self._make(
            Histogram,
            "yunfu_exporter_api_request_duration_seconds",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.failures = self._make(Counter, "yunfu_exporter_api_failures_total")
        self.throttled_seconds = self._make(Counter, "yunfu_exporter_api_throttled_seconds_total")
        self.poll_lag = self._make(
            Histogram, "yunfu_exporter_poll_lag_seconds", buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900)
        )
        self.unread_fields = self._make(Counter, "yunfu_exporter_unread_fields_total")
        self.missing_fields = self._make(Counter, "yunfu_exporter_missing_fields_total")
        self.reload_successful = self._make(Gauge, "yunfu_exporter_config_last_reload_successful")
        self.reload_success_timestamp = self._make(Gauge, "yunfu_exporter_config_last_reload_success_timestamp_seconds")
        self._http_refusals = self._make(Counter, "yunfu_exporter_http_refusals_total")
        for reason in REFUSALS:
            self._http_refusals.labels(reason)
        self.registry.register(_LogCollector())
        self._shard_ordinal = self._make(Gauge, "yunfu_exporter_shard_ordinal")
        self._shards = self._make(Gauge, "yunfu_exporter_shards")
        self._links = self._make(Gauge, "yunfu_exporter_links_info")
        build_info = self._make(Gauge, "yunfu_exporter_build_info")
        build_info.labels(version, revision, platform.python_version()).set(1)

    def _make(self, kind: type[_Metric], name: str, **options: Any) -> _Metric:
        """Return the metric of a row of EXPORTER_FAMILIES."""
        family = EXPORTER_FAMILIES[name]
        return kind(name, family.help.en, family.labels, registry=self.registry, **options)

    def count_failures_from_zero(self, account: str, endpoints: Iterable[str], reasons: Iterable[str]) -> None:
        """Set the counters of the failures that can be expected of an account to 0, before there are any."""
        for endpoint, reason in product(endpoints, reasons):
            self.failures.labels(account, endpoint, reason)

    def forget_account(self, account: str) -> None:
        """Remove all series of an account."""
        fields = self.unread_fields, self.missing_fields
        for metric in (self.request_duration, self.failures, self.throttled_seconds, self.poll_lag, *fields):
            metric.remove_by_labels({"account": account})

    def note_refusal(self, reason: str) -> None:
        """Count a request or connection that was turned away, for one of the reasons in ``words.labels.REFUSALS``."""
        self._http_refusals.labels(reason).inc()

    def show_shard(self, ordinal: int, total: int) -> None:
        """Set the metrics of the shard: which part of the tasks this exporter polls."""
        self._shard_ordinal.set(ordinal)
        self._shards.set(total)

    def show_links(self, grafana: str | None, runbook: str | None) -> None:
        """Replace the addresses that alerts link to; None is one that is not configured."""
        self._links.clear()
        if grafana or runbook:
            self._links.labels(grafana or "", runbook or "").set(1)


class _LogCollector(Collector):
    """Reads from the log how many of its lines were dropped: it counts them, since it knows no metrics."""

    def collect(self) -> Iterable[Metric]:
        """Fill the family."""
        family = EXPORTER_FAMILIES["yunfu_exporter_log_lines_dropped_total"]
        return [CounterMetricFamily(family.name, family.help.en, value=dropped_lines())]


class AccountCollector(Collector):
    """Reads the accounts' metrics from the store when scraped, so that a removed account leaves no sample behind."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Name the families, for the registry's check on duplicates."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Fill the families from the store."""
        families = self._families()
        tasks = (record.status.task for record in self._store.records())
        counts = collections.Counter((task.ref.account, task.state) for task in tasks)
        for status in self._store.accounts():
            for row, family in zip(ACCOUNT_FAMILIES.values(), families, strict=True):
                if row.read is None:
                    for state in TaskState:
                        family.add_metric([status.name, state.value], counts[status.name, state])
                elif (value := row.read(status)) is not None:
                    family.add_metric([status.name], value)
        return families

    def _families(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(row.name, row.help.en, labels=row.labels) for row in ACCOUNT_FAMILIES.values()]
