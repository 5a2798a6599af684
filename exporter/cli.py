"""The command line: its commands, their arguments and help, and how they end."""

from __future__ import annotations

import gc
import io
import os
import sys
from argparse import ArgumentParser, HelpFormatter, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from exporter import __version__, revision, threads
from exporter.commands import BAD_CONFIGURATION, FAILED, OK, abandon, assets, capture, check, complain, once, tasks
from exporter.commands.setup import load
from exporter.config.faults import SettingsError, guess
from exporter.config.loading import config_files, settings_help
from exporter.config.values import show
from exporter.daemon import make_daemon
from exporter.demo.commands import add_demo_options, add_simulator_options, demo, simulate
from exporter.files.changes import Watched
from exporter.logs import get_logger, set_up

log: Final = get_logger(__name__)

_OPTIONS_WITHOUT_COMMAND: Final = ("-h", "--help", "-V", "--version")

PROGRAM: Final = "yunfu-exporter"
DESCRIPTION: Final = "Prometheus exporter for the outbound-call campaigns of the Yunfu (telrobot) platform."
EXIT_STATUS: Final = "exit status: 0 done, 1 failed, 2 bad configuration"


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 bad arguments or bad configuration."""
    _occupy_closed_streams()
    if sys.stdout is None:  # closed, as by some supervisors
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            return run(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that knows no Chinese is no reason to break off
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(list(arguments))
    except SettingsError as error:
        for fault in error.faults:
            complain(fault)
        return BAD_CONFIGURATION
    except KeyboardInterrupt:
        complain("interrupted")
        return FAILED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # then the reader of our output has gone, and that is all right
            complain(str(error))
        abandon(sys.stdout.fileno())
        return FAILED


def _occupy_closed_streams() -> None:
    """Give the numbers of closed standard streams to nothing, or a file of ours gets one, and into it what is printed there."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


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
        sys.stdout.flush()  # a reader that has gone is noticed here, and not when the interpreter ends


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
        flags = "".join(f" {flag}" if " " in flag else f" [{flag}]" for flag in command.flags)
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
            option, _, value = flag.partition(" ")
            if value:
                parsers[name].add_argument(option, metavar=value, required=True, help=text)
            else:
                parsers[name].add_argument(option, action="store_true", help=text)
    add_simulator_options(parsers["simulate"])
    add_demo_options(parsers["demo"])
    return parser, parsers


def _refuse(parser: ArgumentParser, others: Sequence[str]) -> None:
    """End with the words that a command does not take, and the option that may have been meant."""
    options = {word.lstrip("-"): word for action in parser._actions for word in action.option_strings}  # noqa: SLF001  # the parser's only list of them
    nearest = guess(others[0].partition("=")[0].lstrip("-"), options)
    parser.error(f"unrecognized arguments: {' '.join(others)}; {nearest}")


def _serve(_: Namespace, words: Sequence[str]) -> int:
    files = config_files(words)
    config = Watched(*files)  # before they are read, so that no change is missed
    settings, tokens = load(words)
    set_up(settings.log.level, settings.log.format)
    read = (*files, *([settings.web_config_file] if settings.web_config_file else []))
    log.info("starting", version=__version__, revision=revision(), files=" ".join(map(str, read)) or "none")
    gc.set_threshold(50_000, 20, 1_000)  # full collections stop the loop for long where there are thousands of tasks
    threads.run(make_daemon(settings, tokens, lambda: load(words), config).run())
    return OK


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: what runs it with its own options and the other words, what it does, and its flags with their help.

    A flag with the name of a value, ``--output FILE``, has to be given.
    """

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
    "check": _Command(check.run, "validate the configuration and print the API budget", check.FLAGS),
    "capture": _Command(
        capture.run, "write the platform's answers, redacted, to a file for a bug report", capture.FLAGS
    ),
    "once": _Command(once.run, "poll every task once and print the metrics"),
    "tasks": _Command(tasks.run, "list the tasks that would be polled, and why one is not", tasks.FLAGS),
    "assets": _Command(
        assets.run,
        "write the rules, dashboards, runbook and examples of this version to a directory, or renew them there",
        assets.FLAGS,
        has_settings=False,
    ),
}
