from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from exporter.api.model import Task, TaskRef, TaskState, parse_stats
from exporter.metrics.exposition import TaskRenderer
from exporter.metrics.families import COUNTER_FAMILIES, STATS_FAMILIES, WINDOW_FAMILIES, Family, status_families
from exporter.metrics.instrumentation import AccountCollector, ExporterMetrics
from exporter.metrics.own_families import ACCOUNT_FAMILIES, EXPORTER_FAMILIES, OwnFamily
from exporter.metrics.store import AccountStatus, Store
from exporter.words.detail import ABSENCE

# What users rely on: dashboards, rules and the chart use these names. A row is added freely; to rename or drop one is
# a break that the changelog names.
TASKS = {
    "yunfu_task_info": ("gauge", "name sub_account generation region team"),
    "yunfu_task_state": ("gauge", "state"),
    "yunfu_task_up": ("gauge", ""),
    "yunfu_task_last_success_timestamp_seconds": ("gauge", ""),
    "yunfu_task_poll_interval_seconds": ("gauge", ""),
    "yunfu_task_answer_ratio_threshold": ("gauge", ""),
    "yunfu_task_concurrency_limit": ("gauge", ""),
    "yunfu_task_created_timestamp_seconds": ("gauge", ""),
    "yunfu_task_answered_calls": ("gauge", ""),
    "yunfu_task_unanswered_calls": ("gauge", ""),
    "yunfu_task_answer_ratio": ("gauge", ""),
    "yunfu_task_progress_ratio": ("gauge", ""),
    "yunfu_task_numbers": ("gauge", "status"),
    "yunfu_task_intention_calls": ("gauge", "intention"),
    "yunfu_task_intention_ratio": ("gauge", "intention"),
    "yunfu_task_round_calls": ("gauge", "rounds"),
    "yunfu_task_tag_calls": ("gauge", "tag"),
    "yunfu_task_llm_tag_calls": ("gauge", "tag"),
    "yunfu_task_calls_total": ("counter", "outcome"),
    "yunfu_task_number_results_total": ("counter", "status"),
    "yunfu_task_resets_total": ("counter", ""),
    "yunfu_task_window_answered_calls": ("gauge", "window"),
    "yunfu_task_window_unanswered_calls": ("gauge", "window"),
    "yunfu_task_window_answer_ratio": ("gauge", "window"),
    "yunfu_task_window_progress_ratio": ("gauge", "window"),
    "yunfu_task_window_numbers": ("gauge", "window status"),
    "yunfu_task_window_intention_calls": ("gauge", "window intention"),
    "yunfu_task_window_intention_ratio": ("gauge", "window intention"),
    "yunfu_task_window_round_calls": ("gauge", "window rounds"),
    "yunfu_task_window_tag_calls": ("gauge", "window tag"),
    "yunfu_task_window_llm_tag_calls": ("gauge", "window tag"),
}
ACCOUNTS = {
    "yunfu_account_up": ("gauge", "account"),
    "yunfu_account_token_expiry_timestamp_seconds": ("gauge", "account"),
    "yunfu_account_discovery_last_success_timestamp_seconds": ("gauge", "account"),
    "yunfu_account_discovery_interval_seconds": ("gauge", "account"),
    "yunfu_account_rate_limit": ("gauge", "account"),
    "yunfu_account_tasks_left_out": ("gauge", "account"),
    "yunfu_account_tasks": ("gauge", "account state"),
}
EXPORTER = {
    "yunfu_exporter_api_request_duration_seconds": ("histogram", "account endpoint"),
    "yunfu_exporter_api_failures": ("counter", "account endpoint reason"),
    "yunfu_exporter_api_throttled_seconds": ("counter", "account"),
    "yunfu_exporter_poll_lag_seconds": ("histogram", "account"),
    "yunfu_exporter_unread_fields": ("counter", "account field"),
    "yunfu_exporter_config_last_reload_successful": ("gauge", ""),
    "yunfu_exporter_config_last_reload_success_timestamp_seconds": ("gauge", ""),
    "yunfu_exporter_http_refusals": ("counter", "reason"),
    "yunfu_exporter_shard_ordinal": ("gauge", ""),
    "yunfu_exporter_shards": ("gauge", ""),
    "yunfu_exporter_links_info": ("gauge", "grafana runbook"),
    "yunfu_exporter_build_info": ("gauge", "version revision python_version"),
}

REF = TaskRef("main", "61551b2c-e3f3-4707-b4ed-f362f0925e03")


def _task_families(info_labels: tuple[str, ...]) -> list[Family[Any]]:
    return [*status_families(info_labels), *STATS_FAMILIES, *COUNTER_FAMILIES, *WINDOW_FAMILIES]


def _shape(metric: Metric) -> tuple[str, str]:
    """Return a metric's type and the labels of its samples, but a bucket's own."""
    labels = list(dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le"))
    return metric.type, " ".join(labels)


def test_the_families_of_tasks_are_those_of_the_contract() -> None:
    """Names, types and labels of all that is told of a task, in the order of the page."""
    families = _task_families(("region", "team"))
    assert {family.name: (family.type, " ".join(family.labels)) for family in families} == TASKS
    assert [family.name for family in families] == list(TASKS)


def test_every_family_says_what_it_is() -> None:
    """Each has a title, and a help text that no other has and that is a sentence, in both languages."""
    own = (*ACCOUNT_FAMILIES.values(), *EXPORTER_FAMILIES.values())
    rows: list[Family[Any] | OwnFamily] = [*_task_families(()), *own]
    assert len({row.help.en for row in rows}) == len({row.help.zh for row in rows}) == len(rows)
    for row in rows:
        assert row.help.en[0].isupper() or row.help.en[0] == "1", row.name
        assert row.help.en.endswith("."), row.name
        assert row.help.zh.endswith("。"), row.name
        assert "\n" not in row.help.en, row.name
    assert all(title.strip() for family in _task_families(()) for title in family.title)


def test_every_family_says_why_it_can_be_absent() -> None:
    """The reason that its row names has its words."""
    assert {f"absent.{family.absence}" for family in _task_families(())} <= set(ABSENCE)


def test_every_field_that_the_parser_reads_belongs_to_a_family() -> None:
    """A field of the platform's that cannot be read explains the absence of at least one family."""
    entry = {"status": -1, "count": -1, "name": "A", "total": -1, "percent": -1}
    rate = dict.fromkeys(("answered", "noAnswer", "callCompletetRate", "taskProgress"), "?")
    lists = {key: [entry, {"status": 1, "count": -1}] for key in ("number_status", "intention", "tags", "llm_tags")}
    unread = parse_stats({"answer_rate": rate, "rounds": {"1": -1}, **lists}).unread
    fields = {field for family in STATS_FAMILIES for field in family.fields}
    assert {field for field in unread if not {field, field.partition(".")[0]} & fields} == set()
    assert {field for field in fields if not any(each.startswith(field) for each in unread)} == set()


def test_the_exporters_own_families_are_those_of_the_contract() -> None:
    """Names, types and labels of the exporter's own metrics, beside the library's of the process."""
    metrics = ExporterMetrics("1.2.3", "abc")
    metrics.request_duration.labels(account="main", endpoint="stat").observe(0.1)
    metrics.failures.labels(account="main", endpoint="stat", reason="timeout").inc()
    metrics.throttled_seconds.labels(account="main").inc()
    metrics.poll_lag.labels(account="main").observe(0.1)
    metrics.unread_fields.labels(account="main", field="tags").inc()
    metrics.show_links("https://grafana.example.com", None)
    shapes = {metric.name: _shape(metric) for metric in metrics.registry.collect()}
    assert {name: shape for name, shape in shapes.items() if name.startswith("yunfu_")} == EXPORTER
    library = {name.split("_")[0] for name in shapes.keys() - EXPORTER.keys()}
    assert library == {"process", "python"}
    rows = {row.name.removesuffix("_total"): (row.type, " ".join(row.labels)) for row in EXPORTER_FAMILIES.values()}
    assert rows == EXPORTER


def test_the_families_of_accounts_are_those_of_the_contract() -> None:
    """Names, types and labels of what is told of an account, once all of it is known."""
    store = Store(TaskRenderer(), lambda: 0.0)
    store.put_account(
        AccountStatus(
            "main", up=True, token_expiry=1.0, discovery_last_success=2.0, discovery_interval=60.0, rate_limit=5.0
        )
    )
    assert {metric.name: _shape(metric) for metric in AccountCollector(store).collect()} == ACCOUNTS


def test_an_account_shows_what_is_known_of_it_and_no_more() -> None:
    """What is not known yet gives no sample, every state of tasks is there, and a removed account leaves none behind."""
    store = Store(TaskRenderer(), lambda: 0.0)
    registry = CollectorRegistry()
    registry.register(AccountCollector(store))
    store.put_account(AccountStatus("main", up=False))
    store.know(Task(REF, min_answer_ratio=0.2, state=TaskState.RUNNING), 60)
    store.know(Task(TaskRef("other", REF.id), min_answer_ratio=0.2, state=TaskState.RUNNING), 60)
    samples = {(s.name, s.labels.get("state")): s.value for metric in registry.collect() for s in metric.samples}
    assert samples == {
        ("yunfu_account_up", None): 0,
        ("yunfu_account_tasks_left_out", None): 0,
        ("yunfu_account_tasks", "running"): 1,
        ("yunfu_account_tasks", "waiting"): 0,
        ("yunfu_account_tasks", "paused"): 0,
        ("yunfu_account_tasks", "unknown"): 0,
    }
    store.forget_account("main")
    assert not any(metric.samples for metric in registry.collect())
