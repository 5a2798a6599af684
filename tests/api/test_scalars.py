import pytest

from exporter.api.scalars import MAX_LABEL_LENGTH, clean_label


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
