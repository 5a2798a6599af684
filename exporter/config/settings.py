"""Settings and its parts: what a configuration may be. Strict, typed, frozen, secrets masked.

``exporter.config.loading`` says where a configuration comes from, ``exporter.config.values`` how each kind of value is written.
Durations are seconds, ratios are 0-1. Dumped as JSON, secrets are stars and everything else is as a user would write it. The descriptions are the ones of ``--help``.
"""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exporter.config.field_types import (
    BaseUrl,
    Boolean,
    Duration,
    FilePath,
    ListenAddress,
    Ordinal,
    Pattern,
    Proxy,
    Rate,
    Ratio,
    Section,
    Text,
    Token,
    Uuid,
    WholeNumber,
    Window,
    distinct,
    not_empty,
    refuse_doubles,
)
from exporter.config.task_settings import RuleSettings, TaskSettings, bounded_rules
from exporter.config.values import (
    Address,
    WindowSettings,
    format_duration,
    parse_pattern,
    parse_timezone,
    parse_whole_number,
    show,
    split_text,
)


def _span(window: WindowSettings) -> str:
    return window.label if window.seconds is None else format_duration(window.seconds)


class ShardSettings(Section):
    """Which part of the tasks this exporter polls when several share them."""

    ordinal: Ordinal = Field(
        0, description="number of this exporter's shard, from 0; auto: taken from the pod of a StatefulSet"
    )
    total: Annotated[WholeNumber, Field(ge=1, le=1000)] = Field(1, description="how many exporters share the tasks")

    @field_validator("total")
    @classmethod
    def _check_total(cls, total: int, info: ValidationInfo) -> int:
        ordinal = info.data.get("ordinal")
        if isinstance(ordinal, int) and ordinal >= total:
            raise ValueError(f"is {total}, but shard.ordinal is {ordinal}; expected more, since ordinals begin at 0")
        return total


class WebSettings(Section):
    """What clients may do on the main port."""

    reload: Boolean = Field(default=True, description="allow reloading by POST /-/reload; false: only SIGHUP reloads")


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level that is logged")
    format: Literal["logfmt", "json"] = Field("logfmt", description="log format: logfmt or json")


class PollSettings(Section):
    """How often the platform is polled, and how long its answers count."""

    interval: Duration = Field(60.0, description="how often to poll a task that runs or whose numbers change")
    idle_interval: Duration = Field(900.0, description="how often to poll a paused, waiting or finished task")
    timeout: Duration = Field(10.0, description="timeout of one API call")
    window_interval: Duration = Field(300.0, description="how often to read each of the additional time windows")
    stale_after: Duration = Field(
        300.0, description="remove a task's statistics from /metrics once its poll is overdue by this much"
    )

    @field_validator("idle_interval")
    @classmethod
    def _idle_is_slower(cls, value: float, info: ValidationInfo) -> float:
        return cls._at_least(value, info, "interval")

    @field_validator("stale_after")
    @classmethod
    def _stale_after_a_call(cls, value: float, info: ValidationInfo) -> float:
        return cls._at_least(value, info, "timeout")  # or a slow answer would be stale when it comes

    @staticmethod
    def _at_least(value: float, info: ValidationInfo, other: str) -> float:
        if value < (least := info.data.get(other, 0.0)):
            text = format_duration(value), other, format_duration(least)
            raise ValueError("'{}' is shorter than poll.{} ('{}'); expected at least as long".format(*text))
        return value


class LabelSettings(Section):
    """Limits on labels."""

    tag_limit: WholeNumber = Field(
        50, ge=0, description='maximum number of tag values per task; the rest are added up under tag="_other"'
    )


class ThresholdSettings(Section):
    """Default thresholds of the alerts."""

    min_answer_ratio: Ratio = Field(0.2, description="default of yunfu_task_answer_ratio_threshold, from 0 to 1")


class LinksSettings(Section):
    """Where the links in alerts lead; passed to the alert rules by yunfu_exporter_links_info."""

    grafana: BaseUrl | None = Field(
        None, description="URL of the Grafana with the dashboards, for dashboard_url in alerts"
    )
    runbook: BaseUrl | None = Field(
        None, description="URL of the runbook, for runbook_url in alerts; #alertname is appended"
    )


class DiscoverySettings(Section):
    """Which tasks are discovered."""

    generations: Annotated[
        tuple[Annotated[Literal[1, 2], BeforeValidator(parse_whole_number)], ...], AfterValidator(distinct)
    ] = Field((1, 2), description="which generations of tasks to list, 1.0 and 2.0")
    sub_accounts: Boolean = Field(default=False, description="true: include the tasks of all sub-accounts")
    states: Annotated[tuple[Literal["running", "waiting", "paused"], ...], AfterValidator(distinct)] = Field(
        ("running", "waiting"),
        description="task states that are polled; tasks in other states appear only in yunfu_task_info and yunfu_task_state",
    )
    include: Pattern = Field(
        parse_pattern(".*"), description="poll only tasks whose whole name matches this regular expression"
    )
    exclude: Pattern | None = Field(None, description="skip tasks whose whole name matches this regular expression")
    interval: Duration = Field(60.0, description="how often to look for started tasks: how soon one is noticed")
    full_interval: Duration = Field(900.0, description="how often to read every task list whole")
    max_tasks: WholeNumber = Field(5000, ge=1, description="maximum number of tasks per account")


class AccountSettings(Section):
    """A platform account: its address, credentials and rate limit, and which of its tasks to poll."""

    name: Text = Field(description="the value of the account label")
    base_url: BaseUrl = Field(description="the address of the platform's API, http or https")
    user_id: Uuid = Field(description="the UUID of the account")
    token_file: FilePath | None = Field(None, description="file with the token; read again when it changes")
    token: Token | None = Field(None, description="the token itself, instead of token_file")
    rate_limit: Rate | None = Field(
        None,
        description="API calls that this exporter may make with the token, for all accounts that have it: 30/m, 1/s or a "
        "number per second; not given: half of what the platform grants, 30/m until it says",
    )
    concurrency: WholeNumber = Field(8, ge=1, description="concurrent API calls")
    proxy: Proxy | None = Field(
        None, description="URL of an HTTP proxy, may contain user:password@; HTTP_PROXY and NO_PROXY are ignored"
    )
    ca_file: FilePath | None = Field(
        None, description="PEM file of certificates to trust instead of the system's; read again when it changes"
    )
    discovery: DiscoverySettings | None = Field(
        None, description="null: only the tasks listed under tasks; {}: discover with the defaults"
    )
    rules: Annotated[tuple[RuleSettings, ...], AfterValidator(bounded_rules)] = Field(
        (), description="thresholds and labels of discovered tasks by name; all that match apply, the later prevail"
    )
    tasks: tuple[TaskSettings, ...] = Field((), description="tasks to poll, each by its id")

    @field_validator("token")
    @classmethod
    def _one_token(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "token_file" in info.data and (value is None) == (info.data["token_file"] is None):
            fault = "missing" if value is None else "given beside token_file"
            raise ValueError(f"{fault}; expected one of token and token_file")
        return value

    @field_validator("rules")
    @classmethod
    def _something_to_match(cls, value: tuple[RuleSettings, ...], info: ValidationInfo) -> tuple[RuleSettings, ...]:
        if value and info.data.get("discovery", ...) is None:
            raise ValueError("given although discovery is off; expected a discovery block (discovery: {}), or no rules")
        return value

    @field_validator("tasks")
    @classmethod
    def _something_to_poll(cls, value: tuple[TaskSettings, ...], info: ValidationInfo) -> tuple[TaskSettings, ...]:
        if not value and info.data.get("discovery", ...) is None:
            raise ValueError("is empty and discovery is off; expected a task, or a discovery block (discovery: {})")
        refuse_doubles((task.id for task in value), "the task")
        return value


class Settings(BaseSettings):
    """The whole configuration. Built from what it is given only; ``exporter.config.loading`` reads the sources."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
        case_sensitive=True,  # a key in the wrong case is an unknown key
        enable_decoding=False,  # the values read text themselves, so [::1]:10042 is not taken for a JSON list
    )

    listen: Annotated[tuple[ListenAddress, ...], BeforeValidator(split_text), AfterValidator(distinct)] = Field(
        (Address("0.0.0.0", 10042),),  # noqa: S104 - Prometheus comes from elsewhere
        description="addresses to serve on: HOST:PORT, [IPv6]:PORT or :PORT; several allowed",
    )
    health_listen: ListenAddress | None = Field(
        None,
        description="a plain HTTP port with only /healthz and /readyz, for probes when the main port has TLS or passwords",
    )
    web_config_file: FilePath | None = Field(
        None, description="TLS, basic auth and headers of the main port, in the format of Prometheus' exporter-toolkit"
    )
    web: WebSettings = WebSettings()
    auto_reload: Boolean = Field(
        default=False, description="true: reload when the configuration file changes, as on SIGHUP"
    )
    state_file: FilePath | None = Field(
        None,
        description="an SQLite file that keeps the numbers and counters of every task: a restart makes no extra API calls and no counter begins anew",
    )
    shard: ShardSettings = ShardSettings()
    log: LogSettings = LogSettings()
    poll: PollSettings = PollSettings()
    windows: Annotated[tuple[Window, ...], BeforeValidator(split_text)] = Field(
        (),
        description="additional time windows: today, yesterday, 15m, 1h, 24h …; a task's lifetime totals are always there",
    )
    timezone: Annotated[ZoneInfo, BeforeValidator(parse_timezone)] = Field(
        ZoneInfo("Asia/Shanghai"), description="time zone of the platform's times"
    )
    labels: LabelSettings = LabelSettings()
    thresholds: ThresholdSettings = ThresholdSettings()
    links: LinksSettings = LinksSettings()
    accounts: Annotated[tuple[AccountSettings, ...], AfterValidator(not_empty)] = Field(
        description="the accounts, as YAML; for a single one, YUNFU_BASE_URL, YUNFU_USER_ID and YUNFU_TOKEN or YUNFU_TOKEN_FILE will do"
    )

    @field_validator("health_listen")
    @classmethod
    def _another_port(cls, value: Address | None, info: ValidationInfo) -> Address | None:
        if value in info.data.get("listen", ()):
            raise ValueError(f"{show(str(value))} is an address of listen too; expected another port")
        return value

    @field_validator("windows")
    @classmethod
    def _different_windows(cls, value: tuple[WindowSettings, ...]) -> tuple[WindowSettings, ...]:
        refuse_doubles(map(_span, value), "the window")
        return value

    @field_validator("accounts")
    @classmethod
    def _different_accounts(cls, value: tuple[AccountSettings, ...]) -> tuple[AccountSettings, ...]:
        refuse_doubles((account.name for account in value), "the account")
        return value

    @property
    def info_labels(self) -> tuple[str, ...]:
        """The names of all labels that tasks are given, sorted."""
        of_rules = (rule.labels for account in self.accounts for rule in account.rules)
        of_tasks = (task.labels for account in self.accounts for task in account.tasks)
        return tuple(sorted({name for labels in chain(of_rules, of_tasks) for name in labels}))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the framework's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read no source but the arguments: no variable and no .env file of the surroundings gets in unasked."""
        return (init_settings,)
