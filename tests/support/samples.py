"""The samples of a page of metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def find(text: str, name: str, **labels: str) -> float | None:
    """Return the value of the one sample of a page with these labels, or None if there is none."""
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, (name, labels)
    return found[0] if found else None
