"""The verdict on a first contact: what is wrong, the gravest first, and what to try; or that nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.api.errors import UnknownFormat
from exporter.contact.calls import Contact
from exporter.contact.failures import Sentence, explain_all, explain_one

_LEAST_GRAVE: Final = frozenset({"failure.list_lacking", "failure.sub_list_lacking"})


def works(contact: Contact) -> bool:
    """Return whether no API call failed, ids were found in what is listed, and a documented number was found."""
    return not contact.failed and not _without_ids(contact) and contact.stat is not None and contact.stat.has_number


def judge(contact: Contact) -> list[Sentence]:
    """Return the verdict, and after it what else is to be said."""
    if len(contact.failed) == len(contact.calls):
        return [explain_all(contact)]
    failed = (call for call in contact.failed if not isinstance(call.error, UnknownFormat))
    failures = [explain_one(contact, call) for call in failed]
    grave = [each for each in failures if each.key not in _LEAST_GRAVE]
    lacking = [each for each in failures if each.key in _LEAST_GRAVE]
    return [*([*grave, *_judge_findings(contact), *lacking] or [_praise(contact)]), *_remarks(contact)]


def _judge_findings(contact: Contact) -> Iterator[Sentence]:
    """Yield what is not as documented although it was answered."""
    asked = next((call for call in contact.calls if call.endpoint == "stat"), None)
    if lists := _without_ids(contact):
        yield Sentence("verdict.no_id", {"lists": ", ".join(lists)})
    elif asked is None and not contact.failed:
        yield Sentence("verdict.no_task", {"user_id": contact.account.user_id})
    if asked is None or contact.stat is None:
        return
    if contact.stat.fields is None:
        yield Sentence("verdict.empty_stat", {"path": contact.full_path(asked)})
    elif not contact.stat.has_number:
        yield Sentence("verdict.no_number", {"path": contact.full_path(asked)})
    elif lacking := _lacking(contact):
        yield Sentence("verdict.partial", {"names": ", ".join(lacking)})


def _without_ids(contact: Contact) -> list[str]:
    """Return the paths of the lists in whose entries no id can be read."""
    lists = {name for name, found in contact.lists.items() if found.has_no_id}
    return [contact.full_path(call) for call in contact.calls if call.endpoint in lists]


def _lacking(contact: Contact) -> list[str]:
    """Return the documented fields that are absent or unreadable, but for those that the older edition does not have."""
    all_fields = [found.fields for found in contact.lists.values()]
    lacking = [name for fields in all_fields if fields for name in (*fields.absent, *fields.unreadable)]
    if contact.stat is not None and contact.stat.fields is not None:
        lacking += contact.stat.fields.unreadable
        lacking += () if contact.stat.is_older_edition else contact.stat.fields.absent
    return list(dict.fromkeys(lacking))


def _remarks(contact: Contact) -> Iterator[Sentence]:
    """Yield what spoils nothing."""
    if any(found.is_contradictory for found in contact.lists.values()):
        yield Sentence("verdict.contradictory")


def _praise(contact: Contact) -> Sentence:
    stat = contact.stat
    if stat is not None and stat.is_older_edition:
        return Sentence("verdict.older")
    return Sentence("verdict.good", {"of": 0 if stat is None or stat.fields is None else stat.fields.documented})
