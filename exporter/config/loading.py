"""Sources of a configuration: command line, environment and file; ``exporter.config.faults`` words what is wrong with it.

The command line goes before the environment, that before the file, that before the defaults. In the environment a key
is written ``YUNFU_POLL__INTERVAL``; an empty variable counts as not set, and ``null`` takes back what the file says.
Lists are separated by commas there, and ``accounts`` is YAML or JSON. Every fault of every source is found in one go
and named as the user wrote it: by flag, variable or key path. No .env file is read. Paths in the file are relative to its
folder, those of the other sources to the working directory.
"""

from __future__ import annotations

import os
import re
from argparse import ArgumentError, ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import CliSettingsSource

from exporter.config.faults import Key, SettingsError, format_fault, guess, keys, unknown_key
from exporter.config.settings import Settings
from exporter.config.strict_yaml import parse_yaml, read_yaml
from exporter.config.values import show

_ACCOUNT_PARTS: Final = ("base_url", "user_id", "token", "token_file", "tasks")
_FILES: Final = frozenset({"web_config_file", "state_file", "token_file", "ca_file"})
_KUBERNETES: Final = re.compile(
    r"YUNFU(_\w+)?_(SERVICE_HOST=[\da-f.:]+|SERVICE_PORT(_\w+)?=\d+|PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://\S+"
    r"|PORT_\d+_(TCP|UDP|SCTP)_(ADDR=[\da-f.:]+|PORT=\d+|PROTO=(tcp|udp|sctp)))",
    re.ASCII,
)
"""What Kubernetes injects for a Service named ``yunfu`` or ``yunfu-…``: by its values too, since YUNFU_LISTEN_PORT=80 is a mistake."""


@dataclass
class _Source:
    """What one source gives: values as nested dicts, and the flag or variable that gave each. A file has key paths."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[Key, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lacks_accounts: bool = False  # they may be there, but could not be read


def load_settings(
    arguments: Sequence[str] = (), environ: Mapping[str, str] = os.environ, *, flags: Iterable[str] = ()
) -> Settings:
    """Build the settings from the words after the command, the environment, and the file named by ``--config``.

    ``flags`` are the command's own, which a misspelt option may have meant. Raises SettingsError with all faults of all
    three sources.
    """
    command_line, config = _read_arguments(arguments, flags)
    environment, file = _read_environment(environ), _read_file(config)
    _form_account(environment, others=(command_line, file))
    sources = (file, environment, command_line)
    values: dict[str, Any] = {}
    for source in sources:
        values = _merge(values, source.values)
    faults = [fault for source in sources for fault in source.faults]
    strangers = [key for key in values if key not in Settings.model_fields]
    faults += [unknown_key(Settings, (key,)) for key in strangers]
    try:  # without the strangers: BaseSettings has private options, such as _env_file
        settings = Settings(**{key: value for key, value in values.items() if key not in strangers})
    except ValidationError as error:
        names = environment.names | command_line.names
        lacks_accounts = any(source.lacks_accounts for source in sources)
        details = [detail for detail in error.errors() if not (lacks_accounts and detail["loc"] == ("accounts",))]
        raise SettingsError([*faults, *(format_fault(Settings, detail, names) for detail in details)]) from None
    if faults:
        raise SettingsError(faults)
    return settings


def config_files(arguments: Sequence[str]) -> tuple[Path, ...]:
    """Return the file that ``--config`` names among the words after the command, or none."""
    name = _read_arguments(arguments)[1]
    return (Path(name),) if name else ()


def settings_help() -> str:
    """List the options of every command: one line each, with its meaning and default."""
    defaults = Settings.model_construct().model_dump(mode="json", exclude={"accounts"})
    lines = [_help_line("config FILE", "the configuration file, YAML")]
    for path, info in keys(Settings):
        if path in _settable():
            default: Any = defaults
            for part in path:
                default = default.get(part) if isinstance(default, dict) else default
            text = ", ".join(map(str, default)) if isinstance(default, list) else default
            text = str(text).lower() if isinstance(text, bool) else text
            shown = "" if path == ("accounts",) else f" (default: {'none' if text in (None, '') else text})"
            lines.append(_help_line(f"{'.'.join(path)} VALUE", f"{info.description}{shown}"))
    lines.append("Each is also an environment variable, for example YUNFU_POLL__INTERVAL for --poll.interval.")
    return "\n".join(lines)


def _help_line(flag: str, text: str) -> str:
    return f"  --{flag:<34} {text}"


def _settable() -> list[tuple[str, ...]]:
    """List the keys that a flag or a variable can give: all but sections and the insides of accounts."""
    paths = [path for path, _ in keys(Settings) if path[0] != "accounts" or len(path) == 1]
    return [path for path in paths if not any(other[:-1] == path for other in paths)]


def _read_arguments(arguments: Sequence[str], own: Iterable[str] = ()) -> tuple[_Source, str | None]:
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config")
    reader = CliSettingsSource[ArgumentParser](
        Settings, root_parser=parser, cli_avoid_json=True, cli_parse_none_str="null"
    )
    source = _Source()
    try:
        # Some versions of argparse read --key=-- as an empty list.
        words = [word.removesuffix("--") if word.endswith("=--") else word for word in arguments]
        flags, strangers = parser.parse_known_args(words)
    except ArgumentError as error:
        return _Source(faults=[f"{error.argument_name}: has no value; expected one"], lacks_accounts=True), None
    config: str | None = vars(flags).pop("config")
    source.names = {tuple(key.split(".")): f"--{key}" for key in vars(flags)}
    source.values = reader(parsed_args=flags)()
    _decode_accounts(source)
    options = {".".join(path): f"--{'.'.join(path)}" for path in _settable()}
    options |= {flag.lstrip("-"): flag for flag in ("--config", *own)}
    before = ""
    for word in strangers:
        if word.startswith("-"):
            flag = word.partition("=")[0]
            shown = flag if repr(flag) == show(flag) else show(flag)  # which hides a token in the wrong place
            source.faults.append(f"{shown}: unknown option; {guess(flag.lstrip('-'), options)}")
        elif not before.startswith("-") or "=" in before:  # else it is the unknown option's value, perhaps a token
            source.faults.append(f"{show(word)}: belongs to no option; expected --KEY VALUE")
        before = word
    return source, config


def _read_environment(environ: Mapping[str, str]) -> _Source:
    source = _Source()
    variables = {"__".join(path).upper(): path for path in (*_settable(), *((part,) for part in _ACCOUNT_PARTS))}
    spelled = {name: f"YUNFU_{name}" for name in variables}
    for variable, text in sorted(environ.items()):
        if not variable.startswith("YUNFU_") or _KUBERNETES.fullmatch(f"{variable}={text}"):
            continue
        path = variables.get(name := variable.removeprefix("YUNFU_"))
        if path is None:
            source.faults.append(f"{variable}: unknown variable; {guess(name, spelled)}")
        elif text:
            source.names[path] = variable
            section = source.values
            for part in path[:-1]:
                section = section.setdefault(part, {})
            section[path[-1]] = None if text == "null" else text
    _decode_accounts(source)
    return source


def _read_file(name: str | None) -> _Source:
    if name is None:
        return _Source()
    if not name:
        return _Source(faults=["--config: is empty; expected the path of a YAML file"], lacks_accounts=True)
    try:
        return _Source(_locate(read_yaml(name, like="accounts: […]"), Path(name).parent))
    except ValueError as error:
        return _Source(faults=[str(error)], lacks_accounts=True)


def _locate(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a file's values with the paths of other files in it relative to the folder of the file."""
    located = {
        key: str(folder / value.strip()) if key in _FILES and isinstance(value, str) and value.strip() else value
        for key, value in values.items()
    }
    if isinstance(accounts := values.get("accounts"), list):
        located["accounts"] = [_locate(each, folder) if isinstance(each, dict) else each for each in accounts]
    return located


def _decode_accounts(source: _Source) -> None:
    """Read the text of ``accounts`` as YAML; elsewhere than in the file, they can be given no other way."""
    if isinstance(text := source.values.get("accounts"), str):
        try:
            source.values["accounts"] = parse_yaml(text)
        except ValueError as error:
            del source.values["accounts"]
            source.faults.append(f"{source.names['accounts',]}: {error}")
            source.lacks_accounts = True


def _form_account(environment: _Source, others: Iterable[_Source]) -> None:
    """Form the account ``default`` of the variables for a single account, if there are any."""
    account: dict[str, Any] = {
        part: environment.values.pop(part) for part in _ACCOUNT_PARTS if part in environment.values
    }
    if not account:
        return
    if any("accounts" in source.values for source in (environment, *others)):
        given = ", ".join(environment.names[part,] for part in account)
        environment.faults.append(
            f"{given}: make an account, but accounts are given too; expected only one of these ways"
        )
        return
    tasks = account.pop("tasks", None)
    ids = tasks.split(",") if tasks else []
    account |= {"name": "default", "tasks": [{"id": one} for one in ids], "discovery": None if ids else {}}
    environment.values["accounts"] = [account]
    environment.names |= {("accounts", 0, part): f"YUNFU_{part.upper()}" for part in _ACCOUNT_PARTS}
    environment.names |= {("accounts", 0, "tasks", index, "id"): "YUNFU_TASKS" for index in range(len(ids))}


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = _merge(below[key], value) if both else value
    return merged
