"""The rows of the exporter's own metrics and of those of the accounts."""

from exporter.metrics.own_families import ACCOUNT_FAMILIES, EXPORTER_FAMILIES


def test_every_row_says_what_it_is() -> None:
    """Each has a help text that no other has and that is a sentence, in both languages."""
    rows = (*ACCOUNT_FAMILIES.values(), *EXPORTER_FAMILIES.values())
    assert len({row.help.en for row in rows}) == len({row.help.zh for row in rows}) == len(rows)
    for row in rows:
        assert row.help.en[0].isupper() or row.help.en[0] == "1", row.name
        assert row.help.en.endswith("."), row.name
        assert row.help.zh.endswith("。"), row.name


def test_every_name_says_whose_it_is() -> None:
    """Metrics of accounts and of the exporter differ by name, and a counter's name ends in _total."""
    assert all(name.startswith("yunfu_account_") for name in ACCOUNT_FAMILIES)
    assert all(name.startswith("yunfu_exporter_") for name in EXPORTER_FAMILIES)
    assert all(name.endswith("_total") == (row.type == "counter") for name, row in EXPORTER_FAMILIES.items())
