"""A text in both languages."""

from exporter.words.text import Text
from grafana.words import Language


def test_a_text_is_said_in_a_language() -> None:
    """The dashboards' languages and the pages' tags name the same two."""
    text = Text("Task", "任务")
    assert [text.say(language) for language in ("en", "zh")] == ["Task", "任务"]
    assert [text.say(language) for language in Language] == ["Task", "任务"]
