"""The exporter's own metrics and those of the accounts, and the contract with users on both."""

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from exporter.api.model import Task, TaskRef, TaskState
from exporter.api.quota import LimitReason, QuotaUse
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.own_families import EXPORTER_FAMILIES
from exporter.metrics.records import AccountStatus
from exporter.metrics.store import Store

ACCOUNTS = {
    "yunfu_account_up": ("gauge", "account"),
    "yunfu_account_token_expiry_timestamp_seconds": ("gauge", "account"),
    "yunfu_account_token_problem": ("gauge", "account"),
    "yunfu_account_discovery_last_success_timestamp_seconds": ("gauge", "account"),
    "yunfu_account_discovery_interval_seconds": ("gauge", "account"),
    "yunfu_account_rate_limit": ("gauge", "account"),
    "yunfu_account_quota_limit": ("gauge", "account"),
    "yunfu_account_quota_remaining": ("gauge", "account"),
    "yunfu_account_quota_others": ("gauge", "account"),
    "yunfu_account_quota_contended": ("gauge", "account"),
    "yunfu_account_tasks_left_out": ("gauge", "account"),
    "yunfu_account_lists_lacking": ("gauge", "account"),
    "yunfu_account_tasks": ("gauge", "account state"),
}
EXPORTER = {
    "yunfu_exporter_api_request_duration_seconds": ("histogram", "account endpoint"),
    "yunfu_exporter_api_failures": ("counter", "account endpoint reason"),
    "yunfu_exporter_api_throttled_seconds": ("counter", "account"),
    "yunfu_exporter_poll_lag_seconds": ("histogram", "account"),
    "yunfu_exporter_unread_fields": ("counter", "account field"),
    "yunfu_exporter_missing_fields": ("counter", "account field"),
    "yunfu_exporter_config_last_reload_successful": ("gauge", ""),
    "yunfu_exporter_config_last_reload_success_timestamp_seconds": ("gauge", ""),
    "yunfu_exporter_http_refusals": ("counter", "reason"),
    "yunfu_exporter_log_lines_dropped": ("counter", ""),
    "yunfu_exporter_shard_ordinal": ("gauge", ""),
    "yunfu_exporter_shards": ("gauge", ""),
    "yunfu_exporter_links_info": ("gauge", "grafana runbook"),
    "yunfu_exporter_build_info": ("gauge", "version revision python_version"),
}

USE = QuotaUse(limit=200.0, alone=300.0, reason=LimitReason.OTHERS, granted=600, remaining=10, ours=20, others=30)
REF = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e03")


def _shape(metric: Metric) -> tuple[str, str]:
    """Return a metric's type and the labels of its samples, but a bucket's own."""
    labels = list(dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le"))
    return metric.type, " ".join(labels)


def test_the_exporters_own_families_are_those_of_the_contract() -> None:
    """Names, types and labels of the exporter's own metrics, beside the library's of the process."""
    metrics = ExporterMetrics("1.2.3", "abc")
    metrics.request_duration.labels(account="main", endpoint="stat").observe(0.1)
    metrics.failures.labels(account="main", endpoint="stat", reason="timeout").inc()
    metrics.throttled_seconds.labels(account="main").inc()
    metrics.poll_lag.labels(account="main").observe(0.1)
    metrics.unread_fields.labels(account="main", field="tags").inc()
    metrics.missing_fields.labels(account="main", field="tags").inc()
    metrics.show_links("https://grafana.example.com", None)
    shapes = {metric.name: _shape(metric) for metric in metrics.registry.collect()}
    assert {name: shape for name, shape in shapes.items() if name.startswith("yunfu_")} == EXPORTER
    library = {name.split("_")[0] for name in shapes.keys() - EXPORTER.keys()}
    assert library == {"process", "python"}
    rows = {row.name.removesuffix("_total"): (row.type, " ".join(row.labels)) for row in EXPORTER_FAMILIES.values()}
    assert rows == EXPORTER


def test_the_families_of_accounts_are_those_of_the_contract() -> None:
    """Names, types and labels of an account's metrics, once all of them have values."""
    store = Store(TaskRenderer(), lambda: 0.0)
    store.put_account(
        AccountStatus(
            "main",
            up=True,
            token_expiry=1.0,
            discovery_last_success=2.0,
            discovery_interval=60.0,
            quota=USE,
            lists_lacking=1,
        )
    )
    assert {metric.name: _shape(metric) for metric in AccountCollector(store).collect()} == ACCOUNTS


def test_an_account_shows_what_is_known_of_it_and_no_more() -> None:
    """What is not known yet gives no sample, every state of tasks is there, and a removed account leaves none behind."""
    store = Store(TaskRenderer(), lambda: 0.0)
    registry = CollectorRegistry()
    registry.register(AccountCollector(store))
    store.put_account(AccountStatus("main", up=False))
    store.put_task(Task(REF, min_answer_ratio=0.2, state=TaskState.RUNNING), 60)
    store.put_task(Task(TaskRef("other", REF.id), min_answer_ratio=0.2, state=TaskState.RUNNING), 60)
    samples = {(s.name, s.labels.get("state")): s.value for metric in registry.collect() for s in metric.samples}
    assert samples == {
        ("yunfu_account_up", None): 0,
        ("yunfu_account_token_problem", None): 0,
        ("yunfu_account_tasks_left_out", None): 0,
        ("yunfu_account_tasks", "running"): 1,
        ("yunfu_account_tasks", "waiting"): 0,
        ("yunfu_account_tasks", "paused"): 0,
        ("yunfu_account_tasks", "unknown"): 0,
    }
    store.put_account(AccountStatus("main", quota=QuotaUse(limit=30.0, alone=30.0, reason=LimitReason.DOCUMENTED)))
    quota = {
        s.name: s.value
        for metric in registry.collect()
        for s in metric.samples
        if "quota" in s.name or "rate" in s.name
    }
    assert quota == {"yunfu_account_rate_limit": 0.5, "yunfu_account_quota_contended": 0}
    store.forget_account("main")
    assert not any(metric.samples for metric in registry.collect())
