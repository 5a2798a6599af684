"""The commands: their arguments, the settings, and what is composed from them."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os
import sys
import time
import unicodedata
from argparse import ArgumentParser, HelpFormatter, Namespace, RawDescriptionHelpFormatter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from exporter import __version__, revision
from exporter.api.errors import ApiError
from exporter.api.quota import COMMAND
from exporter.api.tokens import Token
from exporter.config.faults import SettingsError, guess
from exporter.config.loading import config_files, load_settings, settings_help
from exporter.config.settings import Settings
from exporter.config.values import printable, show
from exporter.daemon import make_daemon, make_surroundings
from exporter.demo.commands import add_demo_options, add_simulator_options, demo, simulate
from exporter.file_changes import Watched
from exporter.logs import set_up
from exporter.metrics.exposition import Page, TaskRenderer
from exporter.polling.account import Account, Surroundings, explain_wait, open_account
from exporter.polling.budget import budget_lines, warnings
from exporter.polling.credentials import accounts_by_token, read_tokens
from exporter.polling.discovery import Choice
from exporter.polling.shards import find_shard
from exporter.web.access import check_web_config

_OPTIONS_WITHOUT_COMMAND: Final = ("-h", "--help", "-V", "--version")

OK: Final = 0
FAILED: Final = 1
BAD_CONFIGURATION: Final = 2

PROGRAM: Final = "yunfu-exporter"
DESCRIPTION: Final = "Prometheus exporter for the outbound-call campaigns of the Yunfu (telrobot) platform."
EXIT_STATUS: Final = "exit status: 0 done, 1 failed, 2 bad configuration"


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 bad arguments or bad configuration."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows no Chinese is no reason to break off
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(list(arguments))
    except SettingsError as error:
        return _complain(error.faults)
    except KeyboardInterrupt:
        sys.stderr.write("yunfu-exporter: interrupted\n")
        return FAILED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # then the reader of our output has gone, and that is all right
            sys.stderr.write(f"yunfu-exporter: {error}\n")
        if sys.stdout is not None:  # what could not be written is not tried again at the interpreter's end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(words: list[str]) -> int:
    words = _complete(words)
    for before, word in pairwise(words[1:]):
        if word in _COMMANDS and not before.startswith("-"):
            raise SettingsError([f"'{word}': the command goes first, before the options"])
    parser, parsers = _make_parsers()
    try:
        options, others = parser.parse_known_args(words)
        command = _COMMANDS[options.command]
        if others and not command.has_settings:
            _refuse(parsers[options.command], others)
        return command.run(options, others)
    finally:
        print(end="", flush=True)  # a reader that has gone is noticed here, and not when the interpreter ends


def _complete(words: list[str]) -> list[str]:
    """Return the words with the command that is meant, which is ``serve`` if none is named. Raises SettingsError."""
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if words[:1] == ["version"]:
        words = ["--version"]
    if not words or (words[0].startswith("-") and words[0] not in _OPTIONS_WITHOUT_COMMAND):
        words = ["serve", *words]
    if words[0] not in _COMMANDS and words[0] not in _OPTIONS_WITHOUT_COMMAND:
        nearest = guess(words[0], {name: name for name in _COMMANDS}, ", ".join(_COMMANDS))
        raise SettingsError([f"there is no command {show(words[0])}; {nearest}"])
    return words


def _make_parsers() -> tuple[ArgumentParser, Mapping[str, ArgumentParser]]:
    """Return the parser of the command line, and those of the commands by name."""
    parser = ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [COMMAND] [--config FILE] [--KEY VALUE ...]",
        description=DESCRIPTION,
        epilog=f"'{PROGRAM} COMMAND --help' lists the options of a command.\n\n{EXIT_STATUS}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"{PROGRAM} {__version__} ({revision()})")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    parsers = {}
    for name, command in _COMMANDS.items():
        flags = "".join(f" [{flag}]" for flag in command.flags)
        parsers[name] = subparsers.add_parser(
            name,
            prog=f"{PROGRAM} {name}",
            usage=f"{PROGRAM} {name}{flags} [--config FILE] [--KEY VALUE ...]" if command.has_settings else None,
            help=command.summary,
            description=f"{command.summary[:1].upper()}{command.summary[1:]}.",
            epilog=f"settings:\n{settings_help()}\n\n{EXIT_STATUS}" if command.has_settings else None,
            formatter_class=RawDescriptionHelpFormatter if command.has_settings else HelpFormatter,
            allow_abbrev=False,
        )
        for flag, text in command.flags.items():
            parsers[name].add_argument(flag, action="store_true", help=text)
    add_simulator_options(parsers["simulate"])
    add_demo_options(parsers["demo"])
    return parser, parsers


def _refuse(parser: ArgumentParser, others: Sequence[str]) -> None:
    """End with the words that a command does not take, and the option that may have been meant."""
    options = {word.lstrip("-"): word for action in parser._actions for word in action.option_strings}  # noqa: SLF001  # the parser's only list of them
    nearest = guess(others[0].partition("=")[0].lstrip("-"), options)
    parser.error(f"unrecognized arguments: {' '.join(others)}; {nearest}")


def _complain(faults: Sequence[str]) -> int:
    sys.stderr.write("".join(f"yunfu-exporter: {fault}\n" for fault in faults))
    return BAD_CONFIGURATION


def load(words: Sequence[str], flags: Iterable[str] = ()) -> tuple[Settings, dict[str, Token]]:
    """Load and check the configuration, and read the files that it names. Raises SettingsError.

    ``words`` are the settings on the command line; ``flags`` may have been meant by a misspelt one.
    """
    settings = load_settings(words, flags=flags)
    tokens, faults = read_tokens(settings)
    if faults:
        raise SettingsError(faults)
    check_web_config(settings.web_config_file)
    find_shard(settings.shard)
    return settings, tokens


def _serve(_: Namespace, words: Sequence[str]) -> int:
    config = Watched(*config_files(words))  # before they are read, so that no change is missed
    settings, tokens = load(words)
    set_up(settings.log.level, settings.log.format)
    gc.set_threshold(50_000, 20, 1_000)  # full collections stop the loop for long where there are thousands of tasks
    asyncio.run(make_daemon(settings, tokens, lambda: load(words), config).run())
    return OK


def _check(options: Namespace, words: Sequence[str]) -> int:
    live: bool = options.live
    settings, tokens = load(words, _COMMANDS["check"].flags)
    print("the configuration is good")
    answers, granted = asyncio.run(_call_once(settings, tokens)) if live else ({}, {})
    listed = {name: answer for name, answer in answers.items() if isinstance(answer, int)}
    for group in accounts_by_token(settings, tokens):
        print("\n".join(budget_lines(settings, group, listed, granted.get(group[0].name))))
    for account in settings.accounts:
        answer = answers.get(account.name)
        for warning in warnings(account):
            print(f"  warning: {warning}")
        if account.discovery is not None and not live:
            print(f"account {account.name}: the number of tasks is known to the platform only: add --live to ask it")
        if live:
            print(
                f"account {account.name}: live call: {f'failed: {answer.failure}' if isinstance(answer, ApiError) else 'answered'}"
            )
    return FAILED if any(isinstance(answer, ApiError) for answer in answers.values()) else OK


async def _call_once(
    settings: Settings, tokens: dict[str, Token]
) -> tuple[dict[str, int | ApiError | None], dict[str, int | None]]:
    """Call the API once per account.

    Returns by account how many tasks it lists (None: it was not asked that) or the error, and the API calls per minute that
    the platform grants.
    """
    answers: dict[str, int | ApiError | None] = {}
    async with _opened(settings, tokens, TaskRenderer()) as (accounts, _):
        for account in accounts:
            try:
                answers[account.name] = await account.check()
            except ApiError as error:
                answers[account.name] = error
        return answers, {account.name: account.client.gate.use.granted for account in accounts}


def _once(_: Namespace, words: Sequence[str]) -> int:
    settings, tokens = load(words)
    set_up(settings.log.level, settings.log.format)
    text, worked = asyncio.run(_poll_once(settings, tokens))
    sys.stdout.buffer.write(text)
    return OK if worked else FAILED


async def _poll_once(settings: Settings, tokens: dict[str, Token]) -> tuple[bytes, bool]:
    """Poll everything once; return the exposition, and whether all of it worked."""
    renderer = TaskRenderer(settings.info_labels)
    worked = True
    async with _opened(settings, tokens, renderer) as (accounts, around):
        for account in accounts:
            worked = await account.run_once() and worked
    page = Page(renderer, around.metrics.registry)
    return b"".join(page.pieces(around.store.records(), time.time(), openmetrics=False)), worked


def _tasks(options: Namespace, words: Sequence[str]) -> int:
    settings, tokens = load(words, _COMMANDS["tasks"].flags)
    set_up(settings.log.level, settings.log.format)
    choices, failures = asyncio.run(_choose(settings, tokens))
    if options.json:
        knows_all = sys.stdout.encoding.lower() == "utf-8"
        print(json.dumps([_row(choice) for choice in choices], ensure_ascii=not knows_all, indent=2))
    elif choices:
        _print_table([_row(choice) for choice in choices])
    elif not failures:
        print("no tasks")
    for failure in failures:
        sys.stderr.write(f"yunfu-exporter: {failure}\n")
    return FAILED if failures else OK


async def _choose(settings: Settings, tokens: dict[str, Token]) -> tuple[list[Choice], list[str]]:
    choices: list[Choice] = []
    failures: list[str] = []
    async with _opened(settings, tokens, TaskRenderer(settings.info_labels)) as (accounts, _):
        for account in accounts:
            try:
                choices += await account.discover()
            except ApiError as error:
                choices += [Choice(task) for task in account.configured]
                failures.append(f"account {account.name}: discovery failed: {error.failure}")
    return choices, failures


def _row(choice: Choice) -> dict[str, str]:
    task = choice.task
    return {
        "id": task.ref.id,
        "name": task.name,
        "state": task.state.value,
        "account": task.ref.account,
        "not_polled_because": choice.why_not,
    }


def _print_table(rows: Sequence[dict[str, str]]) -> None:
    """Print rows in columns; Chinese characters are two columns wide."""
    cells_of = ([printable(" ".join(cell.split())) for cell in row.values()] for row in rows)  # anybody can name a task
    lines = [[name.replace("_", " ") for name in rows[0]], *cells_of]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@asynccontextmanager
async def _opened(
    settings: Settings, tokens: dict[str, Token], renderer: TaskRenderer
) -> AsyncIterator[tuple[list[Account], Surroundings]]:
    """Open all accounts for a command that runs once; a daemon may be running beside it, so it takes a tenth of the quota."""
    around = make_surroundings(renderer, settings.poll.stale_after, COMMAND)
    async with AsyncExitStack() as stack:
        accounts = [
            await stack.enter_async_context(open_account(settings, account, tokens[account.name], around))
            for account in settings.accounts
        ]
        patience = asyncio.create_task(
            explain_wait(accounts, lambda line: sys.stderr.write(f"yunfu-exporter: {line}\n"))
        )
        stack.callback(patience.cancel)
        yield accounts, around


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: what runs it with its own options and the other words, what it does, and its flags with their help."""

    run: Callable[[Namespace, Sequence[str]], int]
    summary: str
    flags: Mapping[str, str] = field(default_factory=dict)
    has_settings: bool = True


_COMMANDS: Final = {
    "serve": _Command(
        _serve, "run the exporter until SIGTERM or SIGINT; SIGHUP reloads the configuration (the default)"
    ),
    "demo": _Command(demo, "run the exporter on a built-in simulator of the platform", has_settings=False),
    "simulate": _Command(simulate, "run only the simulator", has_settings=False),
    "check": _Command(
        _check,
        "validate the configuration and print the API budget",
        {"--live": "also call the API once per account"},
    ),
    "once": _Command(_once, "poll every task once and print the metrics"),
    "tasks": _Command(
        _tasks,
        "list the tasks that would be polled, and why one is not",
        {"--json": "print JSON for machines, not a table"},
    ),
}
