"""The command ``check``: the validity of the configuration, its API budget, and first contact with the platform."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from exporter import threads
from exporter.commands import FAILED, OK
from exporter.commands.setup import load, make_contacts
from exporter.contact.report import report_lines
from exporter.contact.verdict import works
from exporter.polling.budget import budget_lines, warnings
from exporter.polling.credentials import accounts_by_token
from exporter.words.check import CHECK
from exporter.words.terminal import say, terminal_language

FLAGS: Final = {
    "--live": "also read the first page of each task list and one task's statistics, and report what was found"
}


def run(options: Namespace, words: Sequence[str]) -> int:
    """Check the configuration, and with ``--live`` the platform; return the exit status. Raises SettingsError."""
    live: bool = options.live
    settings, tokens = load(words, FLAGS)
    language = terminal_language(os.environ)
    print(say(CHECK["good"]))
    contacts = threads.run(make_contacts(settings, tokens)) if live else []
    listed = {contact.account.name: contact.tasks for contact in contacts if contact.lists}
    granted = {contact.account.name: contact.granted for contact in contacts}
    for group in accounts_by_token(settings, tokens):
        print("\n".join(budget_lines(settings, group, listed, granted.get(group[0].name), language=language)))
    for account in settings.accounts:
        for warning in warnings(account, language):
            print(say(CHECK["warning"], sentence=warning))
        if account.discovery is not None and not live:
            print(say(CHECK["add_live"], account=account.name))
    for contact in contacts:
        print("\n".join(report_lines(contact, language)))
    return OK if all(works(contact) for contact in contacts) else FAILED
