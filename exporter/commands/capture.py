"""The command ``capture``: the calls of the first contact and two more, written to a file that can be sent to others."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from exporter import threads
from exporter.commands import FAILED, OK
from exporter.commands.setup import load, make_contacts
from exporter.config.faults import SettingsError
from exporter.config.values import printable
from exporter.contact.capture import EXTRAS, make_capture
from exporter.contact.redaction import Redactor
from exporter.words.contact import CONTACT
from exporter.words.terminal import say

FLAGS: Final = {
    "--output FILE": "the file to write, a new one that only you can read",
    "--blank-numbers": "also replace the numbers",
}

_MOST_KEYS: Final = 50


def run(options: Namespace, words: Sequence[str]) -> int:
    """Write the capture, and what to look at in it; return the exit status. Raises SettingsError."""
    settings, tokens = load(words, FLAGS)
    blanks: bool = options.blank_numbers
    redactor = Redactor(blank_numbers=blanks)
    with _new_file(Path(options.output)) as file:
        contacts = threads.run(make_contacts(settings, tokens, EXTRAS))
        json.dump(make_capture(contacts, redactor, blanks_numbers=blanks), file, ensure_ascii=False, indent=1)
        file.write("\n")
    calls = [call for contact in contacts for call in contact.calls]
    answered = sum(call.answer is not None for call in calls)
    numbers = _say("numbers.blank" if blanks else "numbers.kept")
    print(_say("written", file=printable(options.output), calls=len(calls), answered=answered, numbers=numbers))
    if redactor.replaced_keys:
        print(_say("keys"))
    for key, made in [*redactor.replaced_keys.items()][:_MOST_KEYS]:
        print(_say("key", made=made, key=printable(key[:100])))
    print(_say("read"))
    return OK if answered else FAILED


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Open a file that is not there yet, for its owner alone; it goes again if it is not written. Raises SettingsError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError([f"--output: {path} is there already; expected the name of a new file"]) from None
    except OSError as error:
        raise SettingsError([f"--output: {path} cannot be written: {error.strerror}; expected a new file"]) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _say(name: str, **values: object) -> str:
    return say(CONTACT[f"capture.{name}"], **values)
