"""The commands on the built-in simulator: the simulator alone, and the exporter running on it."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shlex import quote
from typing import Any, Final

from exporter import threads
from exporter.api.tokens import Token
from exporter.config.settings import AccountSettings, DiscoverySettings, LinksSettings, PollSettings, Settings
from exporter.config.task_settings import RuleSettings
from exporter.config.values import Address, parse_address, parse_pattern
from exporter.daemon import make_daemon
from exporter.demo.guide import show
from exporter.demo.replay import Replay
from exporter.demo.simulator import Fault, Simulator, SimulatorOptions, incident
from exporter.demo.simulator.faults import PARTS
from exporter.demo.stack import Stack, rules_pace, standing
from exporter.logs import set_up
from exporter.web.server import listen_error
from exporter.words.demo import DEMO
from exporter.words.terminal import say

_SIMULATOR_ADDRESS: Final = Address("127.0.0.1", 10043)
_EXPORTER_ADDRESS: Final = Address("127.0.0.1", 10042)
_INCIDENTS: Final = ("carrier_block", "bad_list")
_TEAMS: Final = (
    RuleSettings(match=parse_pattern(".*"), labels={"team": "sales"}),
    RuleSettings(match=parse_pattern(".*(回访|满意度|续费|贷后).*"), labels={"team": "retention"}),
)
"""The teams of the demo's tasks."""


def add_simulator_options(parser: ArgumentParser) -> None:
    """Add the options of ``simulate``."""
    _add_common_options(parser, "minute")
    parser.add_argument(
        "--listen",
        type=_address,
        default=_SIMULATOR_ADDRESS,
        metavar="HOST:PORT",
        help="where to serve (default: %(default)s)",
    )
    parser.add_argument(
        "--replay",
        type=_replay,
        metavar="FILE",
        help="serve the answers in a file of the command capture, and no campaigns",
    )


def simulate(options: Namespace, _: Sequence[str]) -> int:
    """Run the simulator until SIGTERM or SIGINT."""
    threads.run(_simulate(options))
    return 0


async def _simulate(arguments: Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    replay: Replay | None = arguments.replay
    if replay is not None:
        async with _served(replay, arguments.listen) as url:
            print(
                f"captured answers at {url}, for an exporter with\nYUNFU_ACCOUNTS={quote(replay.accounts(url))}",
                flush=True,
            )
            await stopping.wait()
        return
    simulator = _make_simulator(arguments)
    async with _served(simulator, arguments.listen) as url:
        print(f"simulated platform at {url}, control path at {url}/_control/ (truth, calls, faults, incidents, clock)")
        for account in simulator.accounts:
            print(f"YUNFU_BASE_URL={url} YUNFU_USER_ID={account.user_id} YUNFU_TOKEN={account.token}", flush=True)
        await stopping.wait()


def add_demo_options(parser: ArgumentParser) -> None:
    """Add the options of ``demo``."""
    _add_common_options(parser, "simulated minute")
    parser.add_argument(
        "--listen",
        type=_address,
        default=_EXPORTER_ADDRESS,
        metavar="HOST:PORT",
        help="the exporter's address (default: %(default)s)",
    )
    parser.add_argument(
        "--simulator-listen",
        type=_address,
        default=_SIMULATOR_ADDRESS,
        metavar="HOST:PORT",
        help="the simulator's address (default: %(default)s)",
    )
    parser.add_argument(
        "--stack",
        action="store_true",
        help="also run Prometheus with the rules, Alertmanager, and Grafana with the dashboards, those that are installed",
    )
    parser.add_argument(
        "--stack-port", type=_port, default=10044, metavar="PORT",
        help="the first of the three ports on 127.0.0.1 that they listen on (default: %(default)s)",
    )  # fmt: skip
    parser.set_defaults(speed=20.0)  # lunch after seven minutes, night after half an hour
    # What the vendor documents, and a customer who also works; the token is the partner's.
    parser.set_defaults(quota=60, others=20, shared_token=True)


def demo(options: Namespace, _: Sequence[str]) -> int:
    """Run the exporter on a simulator until SIGTERM or SIGINT."""
    set_up("warning", "logfmt")
    threads.run(_demo(options))
    return 0


async def _demo(arguments: Namespace) -> None:
    for name in ("quota", "others"):  # per simulated minute; the exporter and the throttle both count in real ones
        setattr(arguments, name, math.ceil(getattr(arguments, name) * arguments.speed))
    simulator = _make_simulator(arguments)
    async with _served(simulator, arguments.simulator_listen) as url, _around(arguments) as around:
        settings = _demo_settings(simulator, url, arguments.listen, around)
        tokens = {
            each.name: Token(account.token) for each, account in zip(settings.accounts, simulator.accounts, strict=True)
        }
        daemon = make_daemon(settings, tokens, lambda: (settings, tokens), pace=rules_pace(arguments.speed))
        showing = asyncio.create_task(show(daemon, simulator, url, settings, around))
        try:  # a task group would wrap the one clear error of a taken port
            await daemon.run()
        finally:
            showing.cancel()
    print(say(DEMO["stopped"]))


@asynccontextmanager
async def _around(arguments: Namespace) -> AsyncIterator[Stack | None]:
    """Run the programs around the exporter, if that is asked for."""
    if not arguments.stack:
        yield None
        return
    listen: Address = arguments.listen
    exporter = Address("127.0.0.1" if listen.host in ("", "0.0.0.0", "::") else listen.host, listen.port)  # noqa: S104  # compared
    async with standing(str(exporter), arguments.stack_port, arguments.speed) as stack:
        yield stack


@asynccontextmanager
async def _served(simulator: Simulator | Replay, at: Address) -> AsyncIterator[str]:
    """Serve the simulator; gives its URL. Raises OSError, with a message that names the address, if that is taken."""
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(simulator.serve(at.host or "0.0.0.0", at.port))  # noqa: S104  # as asked
        except OSError as error:
            raise listen_error(at.host, at.port, error) from error
        yield url


def _demo_settings(simulator: Simulator, url: str, listen: Address, stack: Stack | None) -> Settings:
    # With this interval and the other programs, the first minute of the quota suffices: two fifths of it are the others'.
    interval = 5.0 if stack is None else stack.shortened(100)
    accounts = tuple(
        AccountSettings(
            name=f"demo-{index}" if index else "demo",
            base_url=url,
            user_id=account.user_id,
            token=account.token,
            rules=_TEAMS,
            discovery=DiscoverySettings(
                interval=2 * interval,
                full_interval=30 * interval,
                states=("running", "waiting", "paused"),
                sub_accounts=bool(account.sub_users),
            ),
        )
        for index, account in enumerate(simulator.accounts)
    )
    poll = PollSettings(interval=interval, idle_interval=6 * interval, timeout=5, stale_after=60)
    links = LinksSettings(grafana=None if stack is None else stack.grafana_url)
    return Settings(listen=(listen,), poll=poll, links=links, accounts=accounts)


def _add_common_options(parser: ArgumentParser, per: str) -> None:
    """Add the options of the simulator, whose quota is per minute, real or simulated."""
    defaults = SimulatorOptions()
    for option, kind, text in (
        ("seed", int, "the same seed gives the same history"),
        ("tasks", _at_least(1, int), "how many tasks each account has"),
        ("accounts", _at_least(1, int), "how many accounts there are"),
        ("sub_accounts", _at_least(0, int), "how many sub-accounts each has"),
        ("speed", _at_least(0, float), "simulated seconds per second"),
        ("scale", _at_least(0.01, float), "size of the campaigns, 1 for some hundreds to ten thousands of numbers"),
        ("quota", _at_least(0, int), f"API calls that a token is allowed per {per}, 0 for any number"),
        (
            "others",
            _at_least(0, int),
            f"API calls that other programs make per {per} with the first account's token",
        ),
    ):
        default = getattr(defaults, option)
        flag = f"--{option.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=default, metavar="N", help=f"{text} (default: %(default)s)")
    parser.add_argument(
        "--no-history", dest="history", action="store_false", help="no statistics by span of time; saves memory"
    )
    parser.add_argument("--opaque-token", action="store_true", help="tokens that are no JWT")
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="KIND[,KEY=VALUE...]",
        help="a fault from the start, for example throttle,seconds=3,count=5 or status,status=502,probability=0.1",
    )  # fmt: skip
    parser.add_argument(
        "--incident", action="append", default=[], choices=_INCIDENTS,
        help="happening to the largest running task from the start",
    )  # fmt: skip


def _make_simulator(arguments: Namespace) -> Simulator:
    names = {each.name for each in dataclasses.fields(SimulatorOptions)}
    simulator = Simulator(SimulatorOptions(**{name: value for name, value in vars(arguments).items() if name in names}))
    simulator.faults.extend(arguments.fault)
    for kind in arguments.incident:
        tasks = list(simulator.accounts[0].tasks.values())
        running = [task for task in tasks if task.state(simulator.now()) == "running"]
        incident(simulator, kind, max(running or tasks, key=lambda task: task.campaign.traits.size).id)
    return simulator


def _at_least(least: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value < math.inf:
            what = "a whole number" if kind is int else "a number"
            raise ArgumentTypeError(f"{text!r} is not accepted; expected {what}, at least {least}")
        return value

    return number


def _replay(text: str) -> Replay:
    try:
        return Replay.from_file(Path(text))
    except OSError as error:
        raise ArgumentTypeError(f"{text}: {error.strerror}; expected a file of the command capture") from None
    except ValueError as error:
        raise ArgumentTypeError(f"{text} {error}") from None


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65_533:
        raise ArgumentTypeError(f"{text!r} is not accepted; expected a port, 1 to 65533")
    return int(text)


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _fault(text: str) -> Fault:
    kind, *pairs = text.split(",")
    parts = {name: part for name, part in PARTS.items() if name != "kind"}
    values: dict[str, Any] = {}
    try:
        for name, _, value in (pair.partition("=") for pair in pairs):
            values[name] = parts[name](value)
        return Fault(kind=kind, **values)
    except KeyError as error:
        raise ArgumentTypeError(f"{error} is no part of a fault; expected one of {', '.join(parts)}") from None
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
