import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.tags import limit_tags

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("counts", "limit", "expected"),
    [
        ({}, 0, {}),
        ({"a": 1, "b": 2}, 2, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2, "c": 3}, 2, {"b": 2, "c": 3, "_other": 1}),
        ({"a": 1, "b": 2}, 0, {"_other": 3}),
        ({"b": 1, "c": 1, "a": 1}, 2, {"b": 1, "a": 1, "_other": 1}),  # of equals the first by name
        ({"a": 0, "b": 0}, 1, {"a": 0, "_other": 0}),
        ({"_other": 9, "a": 1}, 2, {"_other": 9, "a": 1}),
        (
            {"_other": 9, "a": 1, "b": 2},
            2,
            {"a": 1, "b": 2, "_other": 9},
        ),  # the platform's own: never named, only added
        ({"_other": 9, "a": 1, "b": 2}, 1, {"b": 2, "_other": 10}),
    ],
)
def test_the_largest_tags_stay_and_the_rest_add_up(
    counts: dict[str, int], limit: int, expected: dict[str, int]
) -> None:
    """At most as many tags as allowed stay by name, and nothing of the others is lost."""
    limited, _ = limit_tags(counts, limit, NONE)
    assert limited == expected


def test_two_tags_of_about_one_size_do_not_take_turns() -> None:
    """A tag keeps its place until another leads by a tenth, and the new one keeps it in its turn."""
    history = [(100, 99), (100, 105), (100, 109), (100, 111), (105, 111), (120, 111), (123, 111)]
    kept, places = NONE, []
    for a, b in history:
        limited, kept = limit_tags({"a": a, "b": b, "c": 1}, 1, kept)
        (named,) = limited.keys() - {"_other"}
        assert kept == {named}
        places.append(named)
    assert places == ["a", "a", "a", "b", "b", "b", "a"]


def test_a_tag_that_is_no_longer_told_has_no_place() -> None:
    """A place is freed when its tag goes, and forgotten where the limit does not bite."""
    _, kept = limit_tags({"a": 9, "b": 2, "c": 1}, 1, NONE)
    assert limit_tags({"b": 2, "c": 1}, 1, kept) == ({"b": 2, "_other": 1}, frozenset("b"))
    assert limit_tags({"a": 1}, 1, kept) == ({"a": 1}, NONE)


@given(
    counts=st.dictionaries(st.sampled_from(["_other", *"abcdefgh"]), st.integers(0, 20)),
    limit=st.integers(0, 9),
    kept=st.frozensets(st.sampled_from("abcdefgh")),
)
def test_the_sum_is_kept_and_the_bound_too(counts: dict[str, int], limit: int, kept: frozenset[str]) -> None:
    """Whatever the tags, their calls add up to the same, and no more than the limit are named."""
    limited, _ = limit_tags(counts, limit, kept)
    assert sum(limited.values()) == sum(counts.values())
    assert len(limited.keys() - {"_other"}) <= limit
    assert all(limited[tag] == counts[tag] for tag in limited.keys() - {"_other"})
