"""Questions to the overview, from the query and back."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from exporter.web.pages.question import Question, Show, Sort


def test_a_question_is_read_from_its_own_links() -> None:
    """A link leads back to the question it was made of; the default is the bare path."""
    asked = Question("a&b=<c>", "main / 1", "paused", "c d", Show.LOOK, Sort.AGE, descending=True, page=3)
    assert asked.link() == "./?q=a%26b%3D%3Cc%3E&account=main+%2F+1&state=paused&cause=c+d&show=look&sort=-age&page=3"
    assert Question().link() == "./"
    assert Question().sorted_by(Sort.NAME) == "./?sort=name"
    assert Question(sort=Sort.NAME).sorted_by(Sort.NAME) == "./?sort=-name"
    assert Question(sort=Sort.NAME, descending=True, page=4).sorted_by(Sort.NAME) == "./?sort=name"
    assert len(Question.read({"q": "x" * 10_000, "account": "y" * 10_000}).link()) < 500


@given(st.dictionaries(st.sampled_from(["q", "account", "state", "cause", "show", "sort", "page"]), st.text()))
def test_whatever_is_asked_is_a_question(query: dict[str, str]) -> None:
    """Nonsense counts as not asked, and the link to a question asks the same."""
    asked = Question.read(query)
    assert Question.read(dict(parse_qsl(urlsplit(asked.link()).query))) == asked
