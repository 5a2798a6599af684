from typing import Any

from exporter.api.model import parse_stats
from exporter.metrics.families import COUNTER_FAMILIES, STATS_FAMILIES, WINDOW_FAMILIES, Family, status_families

# What users rely on: dashboards, rules and the chart use these names. A row is added freely; to rename or drop one is
# a break that the changelog names.
TASKS = {
    "yunfu_task_info": ("gauge", "name sub_account generation kind region team"),
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


def _task_families(info_labels: tuple[str, ...]) -> list[Family[Any]]:
    return [*status_families(info_labels), *STATS_FAMILIES, *COUNTER_FAMILIES, *WINDOW_FAMILIES]


def test_the_families_of_tasks_are_those_of_the_contract() -> None:
    """Names, types and labels of all metrics of a task, in the order of the page."""
    families = _task_families(("region", "team"))
    assert {family.name: (family.type, " ".join(family.labels)) for family in families} == TASKS
    assert [family.name for family in families] == list(TASKS)


def test_every_family_says_what_it_is() -> None:
    """Each has a title, and a help text that no other has and that is a sentence, in both languages."""
    rows = _task_families(())
    assert len({row.help.en for row in rows}) == len({row.help.zh for row in rows}) == len(rows)
    for row in rows:
        assert row.help.en[0].isupper() or row.help.en[0] == "1", row.name
        assert row.help.en.endswith("."), row.name
        assert row.help.zh.endswith("。"), row.name
        assert "\n" not in row.help.en, row.name
    assert all(title.strip() for family in _task_families(()) for title in family.title)


class Unreadable(dict[str, object]):
    """An object whose every value is there, but cannot be read."""

    def get(self, _key: str, _default: object = None) -> object:
        """Return what is no number."""
        return "?"


def test_every_field_that_the_parser_reads_belongs_to_a_family() -> None:
    """A field of the platform's that cannot be read explains the absence of at least one family."""
    entry = {"status": -1, "count": -1, "name": "A", "total": -1, "percent": -1}
    lists = {key: [entry, {"status": 1, "count": -1}] for key in ("number_status", "intention", "tags", "llm_tags")}
    unread = parse_stats({"answer_rate": Unreadable(), "rounds": {"1": -1}, **lists}).unread
    fields = {field for family in STATS_FAMILIES for field in family.fields}
    assert {field for field in unread if not {field, field.partition(".")[0]} & fields} == set()
    assert {field for field in fields if not any(each.startswith(field) for each in unread)} == set()
