"""The sources: their precedence, and every fault as the exact line a user reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.config.faults import SettingsError
from exporter.config.loading import load_settings, settings_help
from exporter.config.settings import DiscoverySettings, LinksSettings, Settings, ShardSettings, WebSettings
from exporter.config.values import Address, WindowSettings, parse_pattern

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2VjcmV0"
OPAQUE = "0paque-" * 9
USER = "40863af8-db4a-41c6-a269-eb5bc386d97f"
TASK = "61551b2c-e3f3-4707-b4ed-f362f0925e03"
ENVIRON = {"YUNFU_BASE_URL": "https://api.example.com", "YUNFU_USER_ID": USER, "YUNFU_TOKEN": TOKEN}
ROOT_KEYS = (
    "listen, health_listen, web_config_file, web, auto_reload, state_file, shard, log, poll, windows, timezone, labels, thresholds, links, "
    "accounts"
)

EXAMPLE = """
listen: "0.0.0.0:10042"          # several allowed as a list; [::]:10042 works
health_listen: null               # a plain HTTP port with only /healthz and /readyz, for probes when the main port has TLS or passwords
web_config_file: null             # TLS and basic auth, the exporter-toolkit format
shard: {ordinal: 0, total: 1}     # ordinal: auto reads it from the pod
log: {level: info, format: logfmt}   # or json
poll:
  interval: 60s                   # a running task, and one whose numbers move
  idle_interval: 15m              # a paused, waiting or finished task
  timeout: 10s                    # one API call
  stale_after: 5m                 # remove a task's statistics from /metrics once its poll is overdue by this much
windows: []                       # additional time windows: today, yesterday, 15m, 1h, 24h …; a task's lifetime totals are always there
timezone: Asia/Shanghai           # of the platform's times
labels: {tag_limit: 50}           # maximum number of tag values per task; the rest are added up under tag="_other"
thresholds: {min_answer_ratio: 0.2}   # default of yunfu_task_answer_ratio_threshold
links: {grafana: null, runbook: null}   # where alerts lead to
accounts:
  - name: main                    # the value of the account label
    base_url: https://api.example.com
    user_id: 40863af8-db4a-41c6-a269-eb5bc386d97f
    token_file: /run/secrets/yunfu-token     # or token: …; a changed file is picked up without restart
    rate_limit: 30/m              # N/m, N/s, or a number per second; shared by all accounts with this base_url and token
    concurrency: 8                # concurrent API calls
    proxy: null
    ca_file: null
    discovery:                    # null: only the tasks listed below
      generations: [1, 2]         # which generations of tasks to list, 1.0 and 2.0
      sub_accounts: false         # true: include the tasks of all sub-accounts
      states: [running, waiting]  # task states that are polled; tasks in other states appear only in yunfu_task_info and yunfu_task_state
      include: ".*"               # on the task's name
      exclude: null
      interval: 60s
      max_tasks: 5000
    rules:                        # for discovered tasks, by name; all that match apply, later ones win
      - {match: ".*挽留.*", min_answer_ratio: 0.3, labels: {team: retention}}
    tasks:
      - id: 61551b2c-e3f3-4707-b4ed-f362f0925e03
        name: 老客户回访            # optional
        sub_user_id: null
        min_answer_ratio: 0.3     # optional
        labels: {team: retention} # optional, go to yunfu_task_info
"""


def account(change: str = "") -> str:
    """Write an account with the fewest keys as YAML; the change ``key: value`` replaces or adds one."""
    keys = {
        "name": "main",
        "base_url": "'https://a.example.com'",
        "user_id": USER,
        "token": TOKEN,
        "discovery": "{}",
    }
    key, _, value = change.partition(": ")
    if key:
        keys[key] = value
    return "{" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the tests write their configuration file."""
    return tmp_path / "config.yaml"


def load(file: Path, text: str, *arguments: str, **environ: str) -> Settings:
    """Load the text as a file, beside arguments and variables."""
    file.write_text(text, encoding="utf-8")
    return load_settings(["--config", str(file), *arguments], environ)


def faults_of(file: Path, text: str, *arguments: str, **environ: str) -> tuple[str, ...]:
    """Load what is expected to fail; the file's own path is cut short."""
    with pytest.raises(SettingsError) as raised:
        load(file, text, *arguments, **environ)
    assert str(raised.value) == "\n".join(raised.value.faults)
    return tuple(fault.replace(str(file), "FILE") for fault in raised.value.faults)


def test_the_example_loads(file: Path) -> None:
    """Every key of the documented example becomes the value it should."""
    assert load(file, EXAMPLE).model_dump() == {
        "listen": ({"host": "0.0.0.0", "port": 10042},),  # noqa: S104 - compared, not bound
        "health_listen": None,
        "web_config_file": None,
        "web": {"reload": True},
        "auto_reload": False,
        "shard": {"ordinal": 0, "total": 1},
        "log": {"level": "info", "format": "logfmt"},
        "poll": {
            "interval": 60.0,
            "idle_interval": 900.0,
            "timeout": 10.0,
            "window_interval": 300.0,
            "stale_after": 300.0,
        },
        "windows": (),
        "timezone": ZoneInfo("Asia/Shanghai"),
        "labels": {"tag_limit": 50},
        "thresholds": {"min_answer_ratio": 0.2},
        "state_file": None,
        "links": {"grafana": None, "runbook": None},
        "accounts": (
            {
                "name": "main",
                "base_url": "https://api.example.com",
                "user_id": USER,
                "token_file": Path("/run/secrets/yunfu-token"),
                "token": None,
                "rate_limit": 0.5,
                "concurrency": 8,
                "proxy": None,
                "ca_file": None,
                "discovery": {
                    "generations": (1, 2),
                    "sub_accounts": False,
                    "states": ("running", "waiting"),
                    "include": parse_pattern(".*"),
                    "exclude": None,
                    "interval": 60.0,
                    "full_interval": 900.0,
                    "max_tasks": 5000,
                },
                "rules": (
                    {"match": parse_pattern(".*挽留.*"), "min_answer_ratio": 0.3, "labels": {"team": "retention"}},
                ),
                "tasks": (
                    {
                        "id": TASK,
                        "name": "老客户回访",
                        "sub_user_id": None,
                        "min_answer_ratio": 0.3,
                        "labels": {"team": "retention"},
                    },
                ),
            },
        ),
    }


def test_precedence(file: Path) -> None:
    """The command line goes before the environment, that before the file, that before the defaults, key by key."""
    text = f"poll: {{interval: 1s, idle_interval: 21s, timeout: 4s}}\naccounts: [{account()}]"
    settings = load(file, text, "--poll.interval=3s", YUNFU_POLL__INTERVAL="2s", YUNFU_POLL__IDLE_INTERVAL="22s")
    assert settings.poll.model_dump() == {
        "interval": 3.0,
        "idle_interval": 22.0,
        "timeout": 4.0,
        "window_interval": 300.0,
        "stale_after": 300.0,
    }
    assert settings.accounts[0].name == "main"


@pytest.mark.parametrize(
    ("arguments", "environ", "key", "value"),
    [
        (["--listen", "[::1]:10042"], {}, "listen", (Address("::1", 10042),)),
        (["--listen=[::]:1", "--listen", ":2"], {}, "listen", (Address("::", 1), Address("", 2))),
        ([], {"YUNFU_LISTEN": "[::1]:1, host:2"}, "listen", (Address("::1", 1), Address("host", 2))),
        (["--health_listen", "null"], {"YUNFU_HEALTH_LISTEN": ":1"}, "health_listen", None),
        ([], {"YUNFU_HEALTH_LISTEN": ":1"}, "health_listen", Address("", 1)),
        ([], {"YUNFU_HEALTH_LISTEN": ""}, "health_listen", Address("", 9)),
        ([], {"YUNFU_HEALTH_LISTEN": "null"}, "health_listen", None),
        (["--windows", "today,1h"], {}, "windows", (WindowSettings("today"), WindowSettings("1h", 3600.0))),
        (["--shard.ordinal=0", "--shard.total", "1"], {}, "shard", ShardSettings()),
        ([], {"YUNFU_SHARD__ORDINAL": "0", "YUNFU_SHARD__TOTAL": "1"}, "shard", ShardSettings()),
        (["--web_config_file=null"], {}, "web_config_file", None),
        (["--auto_reload=true"], {}, "auto_reload", True),
        (["--web_config_file=web.yml"], {}, "web_config_file", Path("web.yml")),
        (["--web.reload=false"], {}, "web", WebSettings(reload=False)),
        ([], {"YUNFU_WEB__RELOAD": "true"}, "web", WebSettings(reload=True)),
        ([], {"YUNFU_WEB_CONFIG_FILE": "null"}, "web_config_file", None),
        (
            ["--links.runbook=https://w.example.com/r.md"],
            {"YUNFU_LINKS__GRAFANA": "https://g.example.com/"},
            "links",
            LinksSettings(grafana="https://g.example.com", runbook="https://w.example.com/r.md"),
        ),
        (["--timezone", "UTC"], {"YUNFU_TIMEZONE": "Asia/Tokyo"}, "timezone", ZoneInfo("UTC")),
    ],
)
def test_flags_and_variables(
    file: Path, arguments: list[str], environ: dict[str, str], key: str, value: object
) -> None:
    """Flags and variables are read as the values of the file are; an empty variable counts as not set."""
    settings = load(file, f'health_listen: ":9"\naccounts: [{account()}]', *arguments, **environ)
    assert getattr(settings, key) == value


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_accounts_as_text(way: str) -> None:
    """The accounts can be given as YAML or JSON by flag and variable."""
    text = f"[{account()}]"
    settings = load_settings(["--accounts", text], {}) if way == "flag" else load_settings((), {"YUNFU_ACCOUNTS": text})
    assert [account.name for account in settings.accounts] == ["main"]


@pytest.mark.parametrize(
    ("more", "discovery", "tasks"),
    [
        ({}, DiscoverySettings(), ()),
        ({"YUNFU_TASKS": ""}, DiscoverySettings(), ()),
        ({"YUNFU_TASKS": f"{TASK}, {USER.upper()}"}, None, (TASK, USER)),
    ],
)
@pytest.mark.parametrize("text", [None, "", "# nothing\n", "poll: {interval: 60s}"])
def test_one_account_without_accounts_in_the_file(
    file: Path,
    text: str | None,
    more: dict[str, str],
    discovery: DiscoverySettings | None,
    tasks: tuple[str, ...],
) -> None:
    """A few variables make the account default; it discovers its tasks unless they are listed."""
    environ = ENVIRON | more
    (one,) = (load_settings((), environ) if text is None else load(file, text, **environ)).accounts
    assert (one.name, one.base_url, one.user_id) == ("default", "https://api.example.com", USER)
    assert one.token is not None
    assert one.token.get_secret_value() == TOKEN
    assert one.discovery == discovery
    assert tuple(task.id for task in one.tasks) == tasks


@pytest.mark.parametrize("service", ["YUNFU", "YUNFU_EXPORTER", "YUNFU_API", "YUNFU_TOKEN", "YUNFU_3_X"])
def test_what_kubernetes_injects_is_passed_over(service: str) -> None:
    """The variables of a Service whose name begins with ``yunfu`` are not ours, IPv6 and every protocol included."""
    injected = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "10042",
        "SERVICE_PORT_HTTP": "10042",
        "SERVICE_PORT_HTTP_METRICS": "10042",
        "PORT": "tcp://10.0.0.1:10042",
        "PORT_10042_TCP": "tcp://10.0.0.1:10042",
        "PORT_10042_TCP_PROTO": "tcp",
        "PORT_10042_TCP_PORT": "10042",
        "PORT_10042_TCP_ADDR": "10.0.0.1",
        "PORT_53_UDP": "udp://[fd00::1]:53",
        "PORT_53_UDP_ADDR": "fd00::1",
    }
    environ = {f"{service}_{name}": value for name, value in injected.items()}
    assert load_settings((), ENVIRON | environ) == load_settings((), ENVIRON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("YUNFU_LISTEN_PORT", "80"),
        ("YUNFU_PORT", "10042"),
        ("YUNFU_SERVICE_HOST", "https://api.example.com"),
        ("YUNFU_API_SERVICE_PORT", "http"),
        ("YUNFU_SERVICE", "10.0.0.1"),
        ("YUNFU_EXPORTER_PORT_10042_TCP_ADDR", ""),
    ],
)
def test_what_only_looks_like_kubernetes_is_a_mistake(name: str, value: str) -> None:
    """A name that Kubernetes could inject, with a value that it never would, is a misspelt setting."""
    with pytest.raises(SettingsError, match=f"{name}: unknown variable"):
        load_settings((), ENVIRON | {name: value})


def test_the_real_environment_is_neither_read_noraccount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With an environment passed in, the process's own and a .env file do not count."""
    (tmp_path / ".env").write_text("YUNFU_WINDOWS=today\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YUNFU_WINDOWS", "today")
    monkeypatch.setenv("YUNFU_NONSENSE", "x")
    before = dict(os.environ)
    assert load_settings((), ENVIRON).windows == ()
    assert dict(os.environ) == before


FILE_FAULTS: list[tuple[str, str]] = [
    ("[]", "FILE: is a list; expected a mapping, like accounts: […]"),
    ("text", "FILE: is text; expected a mapping, like accounts: […]"),
    (f"{TOKEN}: 1\n{TOKEN}: 2", "FILE: line 2, column 1: this key is given twice; expected each once"),
    (f"{OPAQUE}: 1\n{OPAQUE}: 2", "FILE: line 2, column 1: this key is given twice; expected each once"),
    ("a: 1\na: 2", "FILE: line 2, column 1: the key 'a' is given twice; expected each once"),
    ("# nothing", "accounts: missing; expected the accounts, as YAML; for a single one, YUNFU_BASE_URL, YUNFU_USER_ID and YUNFU_TOKEN or YUNFU_TOKEN_FILE will do"),
    ("accounts: []", "accounts: is empty; expected at least one"),
    ("accounts: {}", "accounts: is a mapping; expected a list"),
    ("accounts: [main]", "accounts[0]: is text; expected a mapping"),
]  # fmt: skip
ROOT_FAULTS: list[tuple[str, str]] = [
    ("shard: {ordinal: automatic}", "shard.ordinal: is 'automatic'; expected auto or a whole number from 0 on"),
    ("shard: {ordinal: -1}", "shard.ordinal: is '-1'; expected auto or a whole number from 0 on"),
    ("shard: {ordinal: 3, total: 3}", "shard.total: is 3, but shard.ordinal is 3; expected more, since ordinals begin at 0"),
    ("shard: {total: 0}", "shard.total: '0' is out of range; expected at least 1"),
    ("shard: {total: true}", "shard.total: 'true' is not a whole number; expected a whole number"),
    ("shard: {total: null}", "shard.total: null is not a whole number; expected a whole number"),
    ("shard: {totl: 1}", "shard.totl: unknown key; did you mean 'shard.total'?"),
    ("shard: null", "shard: is null; expected a mapping"),
    ("web_config_file: {}", "web_config_file: is a mapping; expected text, in quotes if need be"),
    ("web: {reload: 0}", "web.reload: '0' is neither; expected true or false"),
    ("web: {reloads: true}", "web.reloads: unknown key; did you mean 'web.reload'?"),
    ("_env_file: x", "_env_file: unknown key; did you mean 'state_file'?"),
    (f"{TOKEN}: x", f"something like a token: unknown key; expected one of {ROOT_KEYS}"),
    (f"{OPAQUE}: x", f"something long: unknown key; expected one of {ROOT_KEYS}"),
    ("Poll: {}", "Poll: unknown key; did you mean 'poll'?"),
    ("pol: {interval: 1s}", "pol: unknown key; did you mean 'poll'?"),
    ("interval: 1s", "interval: unknown key; did you mean 'poll.interval'?"),
    ("poll: {intervall: 1s}", "poll.intervall: unknown key; did you mean 'poll.interval'?"),
    ("poll: {often: 1s}", "poll.often: unknown key; expected one of interval, idle_interval, timeout, window_interval, stale_after"),
    ("poll:", "poll: is null; expected a mapping"),
    ("poll: {interval: ten}", "poll.interval: 'ten' is not a duration; expected 500ms, 10s, 5m, 1h30m, 1d or a number of seconds"),
    ("poll: {interval: 1:30}", "poll.interval: '1:30' is not a duration; expected 500ms, 10s, 5m, 1h30m, 1d or a number of seconds"),
    ("poll: {interval: 0}", "poll.interval: is too short; expected a duration of at least 1ms"),
    ("poll: {interval: 16m}", "poll.idle_interval: '15m' is shorter than poll.interval ('16m'); expected at least as long"),
    ("poll: {timeout: 6m}", "poll.stale_after: '5m' is shorter than poll.timeout ('6m'); expected at least as long"),
    ("listen: 10042", "listen[0]: '10042' is not an address; expected HOST:PORT, [IPv6]:PORT or :PORT, ports 1 to 65535"),
    ("listen: []", "listen: is empty; expected at least one"),
    ("listen: [':1', 'x']", "listen[1]: 'x' is not an address; expected HOST:PORT, [IPv6]:PORT or :PORT, ports 1 to 65535"),
    ("health_listen: 0.0.0.0:10042", "health_listen: '0.0.0.0:10042' is an address of listen too; expected another port"),
    ("listen: [':1', ':1']", "listen: the value ':1' is given twice; expected each once"),
    ("log: {level: loud}", "log.level: 'loud' is not known; expected 'debug', 'info', 'warning' or 'error'"),
    ("log: {format: 5}", "log.format: '5' is not known; expected 'logfmt' or 'json'"),
    ("windows: [1h, 60m]", "windows: the window '1h' is given twice; expected each once"),
    ("windows: [today, 5s]", "windows[1]: '5s' is not a window; expected today, yesterday or a duration of at least 1m"),
    ("timezone: CET/Paris", "timezone: 'CET/Paris' is not a time zone; expected a name like Asia/Shanghai or UTC"),
    ("labels: {tag_limit: -1}", "labels.tag_limit: '-1' is out of range; expected at least 0"),
    ("labels: {tag_limit: 1.5}", "labels.tag_limit: '1.5' is not a whole number; expected a whole number"),
    ("thresholds: {min_answer_ratio: 1.01}", "thresholds.min_answer_ratio: '1.01' is out of range; expected a number from 0 to 1, such as 0.3 for 30%"),
    ("links: {grafana: grafana:3000}", "links.grafana: is not an http or https address; expected like https://api.example.com or https://example.com/prefix"),
    ("links: {grafana: 'https://me:secret@g.example.com'}", "links.grafana: has a user name or password; expected like https://api.example.com or https://example.com/prefix"),
    ("links: {runbook: 'https://w.example.com/r.md#x'}", "links.runbook: has a query or fragment; expected like https://api.example.com or https://example.com/prefix"),
    ("links: {wiki: 'https://w.example.com'}", "links.wiki: unknown key; expected one of grafana, runbook"),
    ("thresholds: {min_answer_ratio: -0.1}", "thresholds.min_answer_ratio: '-0.1' is out of range; expected a number from 0 to 1, such as 0.3 for 30%"),
]  # fmt: skip
ACCOUNT_FAULTS: list[tuple[str, str]] = [
    ("user_id: abc", f"user_id: 'abc' is not a UUID; expected like {USER}"),
    (f"user_id: {TOKEN}", f"user_id: something like a token is not a UUID; expected like {USER}"),
    (f"user_id: {OPAQUE}", f"user_id: something long is not a UUID; expected like {USER}"),
    (f"tasks: [{{id: {OPAQUE}}}]", f"tasks[0].id: something long is not a UUID; expected like {USER}"),
    (f"discovery: {{{OPAQUE}: x}}", "discovery.something long: unknown key; expected one of generations, sub_accounts, states, include, exclude, interval, full_interval, max_tasks"),
    ("name: 5", "name: is a number; expected text, in quotes if need be"),
    ("token: [x]", "token: is a list; expected text, in quotes if need be"),
    ("token: 12345", "token: is a number; expected text, in quotes if need be"),
    ("token: null", "token: missing; expected one of token and token_file"),
    ("token_file: x", "token: given beside token_file; expected one of token and token_file"),
    (f"tokn: {TOKEN}", "tokn: unknown key; did you mean 'accounts[0].token'?"),
    ("rate_limit: 0", "rate_limit: '0' is out of range; expected above 0, as 30/m, 1/s or a number per second"),
    ("concurrency: 0", "concurrency: '0' is out of range; expected at least 1"),
    ("proxy: 'http://u:secret@[::'", "proxy: is not an http or https address; expected like http://user:password@proxy.example.com:3128"),
    ("discovery: null", "tasks: is empty and discovery is off; expected a task, or a discovery block (discovery: {})"),
    ("discovery: {generations: [3]}", "discovery.generations[0]: '3' is not known; expected 1 or 2"),
    ("discovery: {generations: [true]}", "discovery.generations[0]: 'true' is not a whole number; expected a whole number"),
    ("discovery: {generations: []}", "discovery.generations: is empty; expected at least one"),
    ("discovery: {generations: [1, 1]}", "discovery.generations: the value '1' is given twice; expected each once"),
    ("discovery: {states: [done]}", "discovery.states[0]: 'done' is not known; expected 'running', 'waiting' or 'paused'"),
    ("discovery: {states: running}", "discovery.states: is text; expected a list"),
    ("discovery: {sub_accounts: 1}", "discovery.sub_accounts: '1' is neither; expected true or false"),
    ("discovery: {sub_accounts: 'yes'}", "discovery.sub_accounts: 'yes' is neither; expected true or false"),
    ("discovery: {include: '('}", "discovery.include: '(' is not a regular expression (missing ), unterminated subpattern); expected Python's syntax, in which .* is any text"),
    ("discovery: {max_tasks: 0}", "discovery.max_tasks: '0' is out of range; expected at least 1"),
    ("rules: {match: x}", "rules: is a mapping; expected a list"),
    ("rules: [{labels: {team: a}}]", "rules[0].match: missing; expected a regular expression that a task's whole name must match"),
    ("rules: [{match: x}]", "rules[0]: sets nothing; expected min_answer_ratio, labels or both"),
    ("rules: [{match: x, min_answer_ratio: 0.3}, {match: '(', min_answer_ratio: 0.3}]", "rules[1].match: '(' is not a regular expression (missing ), unterminated subpattern); expected Python's syntax, in which .* is any text"),
    ("rules: [{match: x, min_answer_ratio: 30%}]", "rules[0].min_answer_ratio: '30%' is not a number; expected a number from 0 to 1, such as 0.3 for 30%"),
    ("rules: [{match: x, min_answer_ratio: 30}]", "rules[0].min_answer_ratio: '30' is out of range; expected a number from 0 to 1, such as 0.3 for 30%"),
    ("rules: [{match: x, labels: {a-b: x}}]", "rules[0].labels.a-b: 'a-b' is not a label name; expected letters, digits and _, no digit first"),
    ("rules: [{match: x, labels: {name: x}}]", "rules[0].labels.name: 'name' is reserved; expected no __ in front and none of account, generation, kind, name, sub_account, task, alertname, instance, job, pod, severity"),
    ("rules: [{match: x, labels: {team: null}}]", "rules[0].labels.team: is null; expected text, in quotes if need be"),
    ("rules: [{macth: x, min_answer_ratio: 0.3, match: y}]", "rules[0].macth: unknown key; did you mean 'accounts[0].rules[0].match'?"),
    (f"rules: [{', '.join(f'{{match: x{n}, min_answer_ratio: 0.3}}' for n in range(101))}]", "rules: has 101 rules; expected at most 100"),
    (f"rules: [{', '.join(f'{{match: x{n}, labels: {{l{n}: x}}}}' for n in range(21))}]", "rules: has 21 label names; expected at most 20"),
    ("tasks: [{name: x}]", "tasks[0].id: missing; expected the UUID of the task"),
    (f"tasks: [{{id: {TASK}}}, {{id: {TASK.upper()}}}]", f"tasks: the task '{TASK}' is given twice; expected each once"),
    (f"tasks: [{{id: {TASK}, min_answer_ratio: 2}}]", "tasks[0].min_answer_ratio: '2' is out of range; expected a number from 0 to 1, such as 0.3 for 30%"),
    (f"tasks: [{{id: {TASK}, labels: {{team: 5}}}}]", "tasks[0].labels.team: is a number; expected text, in quotes if need be"),
    (f"tasks: [{{id: {TASK}, labels: {{a-b: x}}}}]", "tasks[0].labels.a-b: 'a-b' is not a label name; expected letters, digits and _, no digit first"),
    (f"tasks: [{{id: {TASK}, labels: {{task: x}}}}]", "tasks[0].labels.task: 'task' is reserved; expected no __ in front and none of account, generation, kind, name, sub_account, task, alertname, instance, job, pod, severity"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        *FILE_FAULTS,
        *((f"{text}\naccounts: [{account()}]", fault) for text, fault in ROOT_FAULTS),
        *((f"accounts: [{account(text)}]", f"accounts[0].{fault}") for text, fault in ACCOUNT_FAULTS),
        (
            f"accounts: [{{name: main, base_url: 'https://h', user_id: {USER}, token: {TOKEN}, tasks: [{{id: {TASK}}}], rules: [{{match: x, min_answer_ratio: 0.3}}]}}]",
            "accounts[0].rules: given although discovery is off; expected a discovery block (discovery: {}), or no rules",
        ),
        (
            f"accounts: [{account()}, {account()}]",
            "accounts: the account 'main' is given twice; expected each once",
        ),
    ],
)
def test_faults_of_the_file(file: Path, text: str, fault: str) -> None:
    """A fault of the file is one line: key path, what is wrong, what is accepted."""
    assert faults_of(file, text) == (fault,)


@pytest.mark.parametrize(
    ("arguments", "environ", "faults"),
    [
        (["--shard.total=0"], {}, ["--shard.total: '0' is out of range; expected at least 1"]),
        (["--web.reload", "on"], {}, ["--web.reload: 'on' is neither; expected true or false"]),
        ([], {"YUNFU_SHARD__ORDINAL": "first"}, ["YUNFU_SHARD__ORDINAL: is 'first'; expected auto or a whole number from 0 on"]),
        ([], {"YUNFU_WEB__RELOAD": "0"}, ["YUNFU_WEB__RELOAD: '0' is neither; expected true or false"]),
        (["--lisen", TOKEN], {}, ["--lisen: unknown option; did you mean '--listen'?"]),
        ([f"--token={TOKEN}"], {}, ["--token: unknown option; expected one of those that --help lists"]),
        (["--pol.interval=1s"], {}, ["--pol.interval: unknown option; did you mean '--poll.interval'?"]),
        ([f"--{TOKEN}"], {}, ["something like a token: unknown option; expected one of those that --help lists"]),
        ([f"--{OPAQUE}"], {}, ["something long: unknown option; expected one of those that --help lists"]),
        ([OPAQUE], {}, ["something long: belongs to no option; expected --KEY VALUE"]),
        ([], {"YUNFU_USER_ID": OPAQUE}, [f"YUNFU_USER_ID: something long is not a UUID; expected like {USER}"]),
        ([], {"YUNFU_TASKS": OPAQUE}, [f"YUNFU_TASKS: something long is not a UUID; expected like {USER}"]),
        (["word"], {}, ["'word': belongs to no option; expected --KEY VALUE"]),
        (["--poll.interval"], {}, ["--poll.interval: has no value; expected one"]),
        (["--poll.interval", "x"], {}, ["--poll.interval: 'x' is not a duration; expected 500ms, 10s, 5m, 1h30m, 1d or a number of seconds"]),
        (["--listen=:1", "--listen=[::1]"], {}, ["--listen: '[::1]' is not an address; expected HOST:PORT, [IPv6]:PORT or :PORT, ports 1 to 65535"]),
        (["--labels.tag_limit", "-1"], {}, ["--labels.tag_limit: '-1' is out of range; expected at least 0"]),
        ([], {"YUNFU_POLL_INTERVAL": "1s"}, ["YUNFU_POLL_INTERVAL: unknown variable; did you mean 'YUNFU_POLL__INTERVAL'?"]),
        ([], {"YUNFU_TOKN": TOKEN}, ["YUNFU_TOKN: unknown variable; did you mean 'YUNFU_TOKEN'?"]),
        ([], {"YUNFU_TOKN": ""}, ["YUNFU_TOKN: unknown variable; did you mean 'YUNFU_TOKEN'?"]),
        ([], {"YUNFU_EXPORTER_PORTS": "1"}, ["YUNFU_EXPORTER_PORTS: unknown variable; expected one of those that --help lists"]),
        ([], {"YUNFU_POLL__INTERVAL": "x"}, ["YUNFU_POLL__INTERVAL: 'x' is not a duration; expected 500ms, 10s, 5m, 1h30m, 1d or a number of seconds"]),
        ([], {"YUNFU_USER_ID": ""}, ["YUNFU_USER_ID: missing; expected the UUID of the account"]),
        ([], {"YUNFU_TOKEN": ""}, ["YUNFU_TOKEN: missing; expected one of token and token_file"]),
        ([], {"YUNFU_BASE_URL": f"https://{TOKEN}@a"}, ["YUNFU_BASE_URL: has a user name or password; expected like https://api.example.com or https://example.com/prefix"]),
        ([], {"YUNFU_TASKS": f"{TASK},x"}, [f"YUNFU_TASKS: 'x' is not a UUID; expected like {USER}"]),
        ([], {"YUNFU_TASKS": f"{TASK},{TASK}"}, [f"YUNFU_TASKS: the task '{TASK}' is given twice; expected each once"]),
        ([], {"YUNFU_ACCOUNTS": f"[{account()}]"}, ["YUNFU_BASE_URL, YUNFU_USER_ID, YUNFU_TOKEN: make an account, but accounts are given too; expected only one of these ways"]),
        (["--accounts", f"[{account()}]"], {}, ["YUNFU_BASE_URL, YUNFU_USER_ID, YUNFU_TOKEN: make an account, but accounts are given too; expected only one of these ways"]),
        (["--config", "/nowhere/f.yaml"], {}, ["/nowhere/f.yaml: no such file or directory; expected a YAML file"]),
        (["--config", TOKEN], {}, ["something like a token: no such file or directory; expected a YAML file"]),
        (["--config="], {}, ["--config: is empty; expected the path of a YAML file"]),
        (["--config", "a\nb\udc80"], {}, ["a?b?: no such file or directory; expected a YAML file"]),
        (["--listen=--"], {}, ["--listen: '' is not an address; expected HOST:PORT, [IPv6]:PORT or :PORT, ports 1 to 65535"]),
        (["--config=/"], {}, ["/: is a directory; expected a YAML file"]),
    ],
)  # fmt: skip
def test_faults_of_flags_and_variables(arguments: list[str], environ: dict[str, str], faults: list[str]) -> None:
    """A fault of the command line names the flag, one of the environment the variable."""
    with pytest.raises(SettingsError) as raised:
        load_settings(arguments, ENVIRON | environ)
    assert raised.value.faults == tuple(faults)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"[{{name: a, tokn: {TOKEN}", "YUNFU_ACCOUNTS: line 1, column "),
        (f"[{account('user_id: x')}]", "YUNFU_ACCOUNTS[0].user_id: 'x' is not a UUID; "),
        (f"[{account(f'tokn: {TOKEN}')}]", "YUNFU_ACCOUNTS[0].tokn: unknown key; did you mean 'YUNFU_ACCOUNTS[0].token'?"),
        ("[]", "YUNFU_ACCOUNTS: is empty; expected at least one"),
    ],
)  # fmt: skip
def test_faults_of_accounts_in_the_environment(text: str, fault: str) -> None:
    """A fault within the accounts of a variable is named by the variable and the key path from there."""
    with pytest.raises(SettingsError) as raised:
        load_settings((), {"YUNFU_ACCOUNTS": text})
    (line,) = raised.value.faults
    assert line.startswith(fault)


def test_one_account_beside_those_of_the_file(file: Path) -> None:
    """Which account is meant is asked, not guessed."""
    assert faults_of(file, f"accounts: [{account()}]", YUNFU_TOKEN_FILE="token", YUNFU_TASKS=TASK) == (
        "YUNFU_TOKEN_FILE, YUNFU_TASKS: make an account, but accounts are given too; expected only one of these ways",
    )


def test_all_faults_of_all_sources_at_once(file: Path) -> None:
    """A user sees every fault the first time."""
    text = f"foo: 1\npoll: {{timeout: x}}\naccounts: [{account('user_id: x')}]"
    found = faults_of(file, text, "--bar=1", "--log.level=x", YUNFU_BAZ="1", YUNFU_TIMEZONE="x")
    assert sorted(fault.partition(":")[0] for fault in found) == [
        "--bar", "--log.level", "YUNFU_BAZ", "YUNFU_TIMEZONE", "accounts[0].user_id", "foo", "poll.timeout",
    ]  # fmt: skip


def test_an_unreadable_file_hides_no_other_fault(file: Path) -> None:
    """A file that cannot be read is one fault; that its accounts are missing then is none."""
    found = faults_of(file, "a: [", YUNFU_TIMEZONE="x")
    assert [fault.partition(":")[0] for fault in found] == ["FILE", "YUNFU_TIMEZONE"]


def test_a_file_in_another_encoding(file: Path) -> None:
    """A file that is not UTF-8 is named as such."""
    file.write_bytes("name: 回访".encode("gbk"))
    with pytest.raises(SettingsError) as raised:
        load_settings(["--config", str(file)], {})
    assert raised.value.faults == (f"{file}: is not UTF-8; expected a YAML file in UTF-8",)


@pytest.mark.parametrize(
    "place",
    [
        "name",
        "base_url",
        "user_id",
        "token",
        "token_file",
        "rate_limit",
        "proxy",
        "discovery",
        "tasks",
        "tokn",
    ],
)
@pytest.mark.parametrize(
    "shape", ["{}", "[{}]", "[[{}]]", "{{{}: 1}}", "https://{}:{}@a b", "Bearer {}", "*{}", "!{} x"]
)
def test_no_fault_shows_a_token(file: Path, place: str, shape: str) -> None:
    """Wherever a token ends up by mistake, no message shows it."""
    text = f"accounts: [{account(f'{place}: ' + shape.format(TOKEN, TOKEN))}]\npoll: {{interval: {TOKEN}}}"
    assert not any("eyJ" in fault for fault in faults_of(file, text))


def test_help_lists_every_option() -> None:
    """Each key that a flag can give is listed with its meaning and its default."""
    lines = {line.split()[0]: line for line in settings_help().splitlines()[:-1]}
    sections: dict[str, Any] = Settings.model_construct().model_dump(exclude={"accounts"})
    keys = [f"--{key}" for key, value in sections.items() if not isinstance(value, dict)]
    keys += [f"--{key}.{name}" for key, value in sections.items() if isinstance(value, dict) for name in value]
    assert sorted(lines) == sorted([*keys, "--config", "--accounts"])
    assert lines["--poll.idle_interval"].split(maxsplit=2)[2] == (
        "how often to poll a paused, waiting or finished task (default: 15m)"
    )
    assert lines["--listen"].endswith("several allowed (default: 0.0.0.0:10042)")
    assert lines["--windows"].endswith("(default: none)")


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each path in the file is found beside it, wherever the program is started; an absolute one stays as it is."""
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    account = f"base_url: https://h, user_id: {USER}, discovery: {{}}, token_file: secrets/token"
    (tmp_path / "etc" / "c.yaml").write_text(
        "web_config_file: web.yml\nstate_file: ../state.db\n"
        f"accounts: [{{name: a, {account}, ca_file: ca.pem}}, {{name: b, {account}, ca_file: /ca.pem}}]"
    )
    settings = load_settings(["--config", "etc/c.yaml"], {})
    assert (settings.web_config_file, settings.state_file) == (Path("etc/web.yml"), Path("etc/../state.db"))
    assert [account.token_file for account in settings.accounts] == [Path("etc/secrets/token")] * 2
    assert [account.ca_file for account in settings.accounts] == [Path("etc/ca.pem"), Path("/ca.pem")]


def test_other_paths_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    """A path on the command line or in the environment, also one in YUNFU_ACCOUNTS, is taken as it is written."""
    (tmp_path / "c.yaml").write_text("web_config_file: web.yml\nstate_file: state.db\nshard: {total: 2}")
    accounts = f"[{{name: a, base_url: https://h, user_id: {USER}, discovery: {{}}, token_file: token}}]"
    settings = load_settings(
        ["--config", str(tmp_path / "c.yaml"), "--web_config_file", "own.yml"],
        {"YUNFU_STATE_FILE": "own.db", "YUNFU_ACCOUNTS": accounts},
    )
    assert (settings.web_config_file, settings.state_file) == (Path("own.yml"), Path("own.db"))
    assert settings.accounts[0].token_file == Path("token")


def test_a_path_that_is_none_is_named_as_it_is(tmp_path: Path) -> None:
    """An empty path, and what is no text, stay the faults that they are."""
    (tmp_path / "c.yaml").write_text("web_config_file: ''\nstate_file: 7\naccounts: 1")
    with pytest.raises(SettingsError) as raised:
        load_settings(["--config", str(tmp_path / "c.yaml")], {})
    assert "web_config_file: is empty" in str(raised.value)
    assert "state_file: is a number" in str(raised.value)
