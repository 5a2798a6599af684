import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.scalars import MAX_COUNT, MAX_LABEL_LENGTH, clean_label, read_count, read_number, read_percentage

BLANKS = st.text(" \t\u3000", max_size=2)
COMMAS = st.sampled_from([",", "，"])
PLAIN_BLANKS = st.text(" \t", max_size=2)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("  名 ", "名"),
        ("", ""),
        ("a" * MAX_LABEL_LENGTH, "a" * MAX_LABEL_LENGTH),
        ("a" * (MAX_LABEL_LENGTH + 1), "a" * (MAX_LABEL_LENGTH - 1) + "…"),
        ("\ud83d", "\ufffd"),
        ("😀", "😀"),
    ],
)
def test_a_label_is_valid_unicode_of_bounded_length(text: str, label: str) -> None:
    """Blanks around a name go, lone surrogates are replaced, a long name ends in an ellipsis."""
    assert clean_label(text) == label


@given(count=st.integers(0, MAX_COUNT), comma=COMMAS, before=PLAIN_BLANKS, after=PLAIN_BLANKS)
def test_a_count_is_read_with_and_without_commas(count: int, comma: str, before: str, after: str) -> None:
    """A count that PHP writes as a number, as text, or with commas between groups of three digits is the same count."""
    grouped = f"{count:,}".replace(",", comma)
    assert [read_count(each) for each in (count, f"{count}", f"{before}{grouped}{after}")] == [count] * 3


@given(st.lists(st.text("0123456789", min_size=1, max_size=4), min_size=2, max_size=5), COMMAS)
def test_commas_that_group_no_thousands_are_no_number(groups: list[str], comma: str) -> None:
    """Digits with commas are a number only as one writes thousands: "1,2,3", "0,123" and "12,34" are none."""
    text = comma.join(groups)
    value = int("".join(groups))
    assert read_count(text) == (value if f"{value:,}".replace(",", comma) == text and value <= MAX_COUNT else None)


@given(st.integers(0, 10_000), st.sampled_from(["%", "％", ""]), BLANKS, BLANKS)
def test_a_percentage_is_read_with_and_without_its_sign(hundredths: int, sign: str, between: str, after: str) -> None:
    """A percentage with two decimals is the same number with its sign, in either width, and with blanks around that."""
    percentage = hundredths / 100
    text = f"{percentage:.2f}{between}{sign}{after}"
    assert read_percentage(text) == read_percentage(percentage) == percentage


@pytest.mark.parametrize("text", ["%", "%%", "91%%", "91%％", "9%1", "%91", "91,04%", "1,2,3%", "percent", ""])
def test_what_is_no_percentage_is_not_read(text: str) -> None:
    """A sign alone, twice or inside, or a comma for the decimal point, makes no number."""
    assert read_percentage(text) is None


@pytest.mark.parametrize(
    "value", ["12%", "1,2,3", "1,23", ",123", "1,234,", "1,,234", "1,234e3", "0,123", "1234,567", "-1,234"]
)
def test_what_is_no_count_is_not_read(value: str) -> None:
    """A percentage, or commas elsewhere than between thousands, make no count."""
    assert read_count(value) is None


@given(st.text() | st.text("0123456789,，.%％-+eE \u3000"))
def test_no_text_is_too_odd_for_a_reader(text: str) -> None:
    """Whatever the text, each reader returns a number or None, and a count is a whole number from 0 to the largest."""
    count = read_count(text)
    assert count is None or 0 <= count <= MAX_COUNT
    assert count is None or count == read_number(text) == read_percentage(text)


@given(st.integers(1, 999), st.integers(0, 999), st.integers(0, 99))
def test_a_number_can_have_commas_and_decimals(thousands: int, rest: int, hundredths: int) -> None:
    """Commas between thousands go together with a decimal point and a sign."""
    assert read_number(f"-{thousands},{rest:03}.{hundredths:02}") == -float(f"{thousands}{rest:03}.{hundredths:02}")
