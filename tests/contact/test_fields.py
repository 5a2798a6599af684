"""The fields of answers: found, absent, unreadable, unknown."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.api.documented import documented_parts
from exporter.contact.fields import ListFound, StatFound, read_list, read_stat
from exporter.lists.entries import Page
from tests.support.contact import entry2
from tests.support.lists import entry
from tests.support.tools import documented


def listed(*entries: object, generation: str = "1", total: int | None = 2) -> ListFound:
    """Read a page of entries."""
    return read_list(Page(list(entries), 1, total), generation, ZoneInfo("Asia/Shanghai"))


def test_a_documented_list_has_all_fields() -> None:
    """Each documented field that is read was found, and nothing else came."""
    for found in (listed(entry(1)), listed(entry2(1), generation="2")):
        assert found.fields is not None
        assert (found.fields.absent, found.fields.unreadable, found.fields.unknown) == ((), (), ())
        assert len(found.fields.found) == found.fields.documented
    assert listed(entry(1)).total == 2


def test_fields_of_a_list_are_sorted() -> None:
    """A field that no entry has is absent, one that cannot be read is unreadable, and an undocumented one is unknown."""
    found = listed(entry(1, maximumcall=..., enable="maybe", priority=3), entry(2, maximumcall=..., enable=1))
    assert found.fields is not None
    assert found.fields.absent == ("maximumcall",)
    assert found.fields.unreadable == ("enable",)
    assert found.fields.unknown == ("priority",)
    assert found.fields.found == ("uuid", "name", "user_id", "create_datetime")


def test_a_status_that_was_read_is_not_unreadable() -> None:
    """A status that contradicts the flags is said to, another status cannot be read, and one task's is not the other's."""
    found = listed(entry(1, enable=0, status=2), entry(2, enable=1, status=2))
    assert found.fields is not None
    assert (found.fields.unreadable, found.is_contradictory) == ((), True)
    assert not listed(entry(1, enable=1, status=2)).is_contradictory
    both = listed(entry(1, enable=0, status=2), entry(2, status=9))
    assert both.fields is not None
    assert (both.fields.unreadable, both.is_contradictory) == (("status",), True)


def test_only_tasks_of_generation_2_have_call_status() -> None:
    """A 1.0 list does not lack it, a 2.0 list does."""
    old, new = listed(entry(1)), listed(entry(1), generation="2")
    assert old.fields is not None
    assert new.fields is not None
    assert old.fields.absent == ()
    assert new.fields.absent == ("new_task_extra.call_status",)


def test_a_list_without_entries_says_nothing_of_fields() -> None:
    """Nothing is found or absent where there is no entry."""
    assert listed(total=0).fields is None


def test_documented_statistics_have_all_fields() -> None:
    """The vendor's sample holds each documented field."""
    found = read_stat(documented())
    assert found.fields is not None
    assert found.fields.found == documented_parts()
    assert (found.fields.absent, found.fields.unreadable, found.fields.unknown) == ((), (), ())
    assert found.has_number


def test_fields_of_statistics_are_sorted() -> None:
    """What is renamed is absent under its name and unknown under the other."""
    data = documented()
    data["hourly"] = data.pop("rounds")
    data["answer_rate"]["answered"] = "many"
    del data["answer_rate"]["noAnswer"]
    data["number_status"] = "none"
    found = read_stat(data)
    assert found.fields is not None
    assert found.fields.absent == ("answer_rate.noAnswer", "rounds")
    assert found.fields.unreadable == ("answer_rate.answered", "number_status")
    assert found.fields.unknown == ("hourly",)
    assert "number_status.count" not in found.fields.found


@pytest.mark.parametrize(
    ("data", "has_number"),
    [
        ([], False),
        ({"answer_rate": {}, "intention": [], "number_status": []}, False),
        ({"answer_rate": {"answered": 0}}, True),
        ({"rounds": {"1": 4}}, True),
        ({"tags": [{"name": "x", "count": 1}]}, True),
    ],
)
def test_a_number_is_what_can_be_measured(data: Any, has_number: bool) -> None:  # noqa: FBT001  # a table of cases
    """A count of 0 is a number; an empty block is none."""
    assert read_stat(data).has_number is has_number


def test_the_older_edition_lacks_tags_alone() -> None:
    """Statistics without both kinds of tags are the older edition's, with another gap they are not."""

    def without(*names: str) -> StatFound:
        return read_stat({name: block for name, block in documented().items() if name not in names})

    assert without("tags", "llm_tags").is_older_edition
    assert not without("tags").is_older_edition
    assert not without("tags", "llm_tags", "rounds").is_older_edition
    assert not read_stat(documented()).is_older_edition
