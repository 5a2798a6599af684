"""Panels of the platform's API and its quota: how it answers, why it fails, who waits."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import common, heatmap, stat, table, timeseries
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from exporter.words.text import Text
from grafana.board import WINDOW
from grafana.palette import BAD, GOOD, NEUTRAL, NOTHING, WARN, fixed
from grafana.panels import Panels, Query, shades, stacked, steps
from grafana.queries import chosen, per_account
from grafana.tables import COUNT, SHARE, Column, Rows, custom, make_table, unit
from grafana.words import ACCOUNT, PER_MINUTE

REQUESTS: Final = "yunfu_exporter_api_request_duration_seconds"
LAG: Final = "yunfu_exporter_poll_lag_seconds"
FIRST_LAG: Final = 0.1
"""Seconds: the first bucket of the poll lag."""

SHARES: Final = {0.5: Text("Median", "中位数"), 0.95: Text("95 %", "95 分位"), 0.99: Text("99 %", "99 分位")}
_NONE: Final = Text("None", "无")
_CALLS: Final = f"sum by (account) (rate({chosen(f'{REQUESTS}_count')}[$__rate_interval]))"
"""Each account's calls per second."""

OURS: Final = f"60 * {_CALLS}"
LIMIT: Final = f"60 * {per_account(chosen('yunfu_account_rate_limit'))}"
GRANTED: Final = per_account(chosen("yunfu_account_quota_limit"))
OTHERS: Final = per_account(chosen("yunfu_account_quota_others"))
"""All four are each account's calls per minute: ours and at most how many, what the platform grants the token, and what others make."""

SHARE_COLOURS: Final = ("#9cc3ef", NEUTRAL, "#3a62b5")


def failed_tile(panels: Panels) -> stat.Panel:
    """Return a tile of the share of calls that failed."""
    calls = f"sum(increase({chosen(f'{REQUESTS}_count')}[{WINDOW}]))"
    failures = f"sum(increase({chosen('yunfu_exporter_api_failures_total')}[{WINDOW}]))"
    panel = panels.stat(
        Text("API failures", "接口失败"),
        Text(
            "The share of API calls that failed in the last $window, and the number of calls.",
            "最近 $window失败的接口调用占比，以及调用总数。",
        ),
        "percentunit",
        Query(f"{failures} / ({calls} > 0)", Text("Failed", "失败率"), instant=True),
        Query(calls, Text("Calls", "调用数"), instant=True),
    )
    panel.decimals(1).override_by_query("B", [*COUNT, fixed(NOTHING)])
    return steps(panel, NOTHING, {0: GOOD, 0.02: WARN, 0.2: BAD})


def lag_tile(panels: Panels) -> stat.Panel:
    """Return a tile of how late polls start."""
    panel = panels.stat(
        Text("Poll lag", "采集延迟"),
        Text(
            "How late the latest 1 % of polls of the last $window started (99 %). Lag means that the quota is short or calls are slow.",
            "最近 $window最迟的 1% 采集（99 分位）比计划晚多久开始。延迟说明配额不足或接口缓慢。",
        ),
        "s",
        Query(_lag(0.99, "increase", WINDOW), instant=True),
    )
    return steps(panel.decimals(1).mappings(_least_lag(panels)), NOTHING, {0: GOOD, 10: WARN, 60: BAD})


def quota_tile(panels: Panels) -> stat.Panel:
    """Return a tile of how much of its rate limit the account nearest to it uses, and how long its calls wait."""
    panel = panels.stat(
        Text("Quota", "配额"),
        Text(
            "How much of its rate limit the account that is nearest to it uses, and how long a call of the last $window waited for it on average.",
            "最接近限速的账号的配额使用率，以及最近 $window每次接口调用因限速而等待的平均秒数。",
        ),
        "percentunit",
        Query(f"max({quota_used()})", Text("Used", "已用"), instant=True),
        Query(wait_per_call("sum", "increase", WINDOW), Text("Wait per call", "每次等待"), instant=True),
    )
    panel.decimals(0).override_by_query("B", [*unit("s", 0), fixed(NOTHING)])
    panel.text(common.VizTextDisplayOptions().title_size(13).value_size(20))
    return steps(panel, NOTHING, {0: GOOD, 0.9: WARN})


def latency(panels: Panels) -> timeseries.Panel:
    """Return a graph of how long calls take."""
    return _quantiles(
        panels,
        Text("Duration of API calls", "接口调用耗时"),
        Text("How long calls to the platform's API take, failed ones included.", "平台接口调用的耗时，含失败的调用。"),
        {share: _quantile(share, REQUESTS, "rate", "$__rate_interval") for share in SHARES},
    )


def latency_map(panels: Panels) -> heatmap.Panel:
    """Return a heat map of how long calls take."""
    buckets = chosen(f"{REQUESTS}_bucket")
    return panels.heatmap(
        Text("Duration of API calls, all of them", "接口调用耗时分布"),
        Text(
            "How many calls took how long; the scale below explains the colours. A second band is a slow endpoint or a time-out.",
            "各耗时区间的调用数，颜色含义见下方色标。出现第二条色带说明有缓慢的接口或超时。",
        ),
        "s",
        Query(f"sum by (le) (increase({buckets}[$__rate_interval]))", "{{le}}", format=PromQueryFormat.HEATMAP),
    )


def calls(panels: Panels) -> timeseries.Panel:
    """Return a graph of the calls, by endpoint."""
    panel = panels.timeseries(
        Text("API calls per minute, by endpoint", "每分钟接口调用数，按接口"),
        Text("Calls to the platform's API, failed ones included.", "平台接口的调用数，含失败的调用。"),
        PER_MINUTE,
        Query(f"sum by (endpoint) (rate({chosen(f'{REQUESTS}_count')}[$__rate_interval])) * 60", "{{endpoint}}"),
    )
    return panels.name_series(stacked(panel), "endpoint")


def failures(panels: Panels) -> timeseries.Panel:
    """Return a graph of the calls that failed, by reason."""
    counter = chosen("yunfu_exporter_api_failures_total")
    seen = f"and on (reason) sum by (reason) (increase({counter}[$__range])) > 0"
    panel = panels.timeseries(
        Text("Failed API calls per minute, by reason", "每分钟失败的接口调用数，按原因"),
        Text(
            "Calls to the platform's API that failed. 401: renew the token. 429: lower the rate limit. 5xx and time-outs:"
            " the platform.",
            "失败的平台接口调用。401：更换 token；429：调低限速；5xx 与超时：平台问题。",
        ),
        PER_MINUTE,
        Query(f"sum by (reason) (rate({counter}[$__rate_interval])) * 60 {seen}", "{{reason}}"),
    )
    return panels.name_series(stacked(panel), "reason").no_value(panels.say(_NONE))


def quota(panels: Panels) -> timeseries.Panel:
    """Return a graph of how much of its rate limit each account uses."""
    panel = panels.timeseries(
        Text("Quota used", "配额使用率"),
        Text(
            "API calls per second of each account, as a share of its configured rate limit. Near 100 %, intervals stretch and"
            " polls start late: raise rate_limit, if the platform allows it, or poll fewer tasks.",
            "各账号每秒接口调用数占其配置限速的比例。接近 100% 时采集间隔会被拉长、采集会延迟：若平台允许可调高 rate_limit，"
            "或减少采集的任务。",
        ),
        "percentunit",
        Query(quota_used(), "{{account}}"),
    )
    return shades(panel.min(0))


def quota_shared(panels: Panels) -> timeseries.Panel:
    """Return a graph of the calls that the platform grants, and of who makes them."""
    words = {
        "granted": Text("granted", "平台允许"),
        "ours": Text("ours", "本 exporter"),
        "others": Text("others", "其他程序"),
    }
    exprs = {"granted": GRANTED, "ours": OURS, "others": OTHERS}
    panel = panels.timeseries(
        Text("API calls per minute: granted, ours, others'", "每分钟接口调用数：平台允许、本 exporter、其他程序"),
        Text(
            "What the platform grants the account's token per minute (dashed), what this exporter uses of it, and what other programs "
            "used (dotted) in the busiest of the last minutes, as the platform's answers give away. Empty if they do not say.",
            "平台每分钟允许该账号的 token 调用的次数（虚线）、本 exporter 的用量，以及其他程序（点线）最近最忙一分钟的用量（由平台响应推算）。"
            "平台响应未注明时为空。",
        ),
        PER_MINUTE,
        *(Query(expr, f"{{{{account}}}} {panels.say(words[what])}") for what, expr in exprs.items()),
    )
    for ref, fill, dash in (("A", "dash", [8, 6]), ("C", "dot", [0, 6])):
        panel.override_by_query(ref, custom(lineStyle={"fill": fill, "dash": dash}))
    return shades(panel.min(0).fill_opacity(0))


def quotas(panels: Panels) -> table.Panel:
    """Return a table of who makes how many of the calls that the platform grants, a row an account."""
    rows = [
        Rows(LIMIT, {"account": Column(ACCOUNT)}, Column(Text("Our limit", "自身限速"), 0, COUNT), "limit"),
        Rows(OURS, {}, Column(Text("Ours", "本 exporter"), 0, unit("locale", 1)), "ours"),
        Rows(quota_used(), {}, Column(Text("Limit used", "限速使用率"), 0, SHARE), "used"),
        Rows(OTHERS, {}, Column(Text("Others'", "其他程序"), 0, COUNT), "others"),
        Rows(GRANTED, {}, Column(Text("Granted", "平台允许"), 0, COUNT), "granted"),
        Rows(
            per_account(chosen("yunfu_account_quota_remaining")),
            {},
            Column(Text("Left now", "当前剩余"), 0, COUNT),
            "left",
        ),
        Rows(
            wait_per_call("sum by (account)", "rate", "$__rate_interval"),
            {},
            Column(Text("Wait per call", "每次等待"), 0, unit("s", 2)),
            "wait",
        ),
    ]
    return make_table(
        panels,
        Text("API calls per minute, by account, now", "当前各账号每分钟接口调用数"),
        Text(
            "What each account may call per minute by its rate limit, and does; what other programs with its token use in their "
            "busiest minute; what the platform grants all of them, and what is left of the present minute. Blank: the platform does not say.",
            "各账号按限速每分钟可调用的次数与实际调用次数；使用同一 token 的其他程序最忙一分钟的用量；平台允许的总次数，以及当前一分钟的剩余次数。"
            "空白表示平台未告知。",
        ),
        rows,
    )


def waits(panels: Panels) -> timeseries.Panel:
    """Return a graph of how long calls wait for the rate limit."""
    panel = panels.timeseries(
        Text("Wait for the quota per call", "每次调用等待配额"),
        Text(
            "Seconds that an API call waits for its account's rate limit or is held back by the platform, on average.",
            "每次接口调用因账号限速或平台限流而等待的平均秒数。",
        ),
        "s",
        Query(wait_per_call("sum by (account)", "rate", "$__rate_interval"), "{{account}}"),
    )
    return shades(panel.min(0))


def lags(panels: Panels) -> timeseries.Panel:
    """Return a graph of how late polls start."""
    return _quantiles(
        panels,
        Text("Poll lag", "采集延迟"),
        Text(
            f"How late polls start; see the tile above. Less than {FIRST_LAG:g} s is drawn as that.",
            f"采集比计划晚多久开始，说明见上方同名指标。不足 {FIRST_LAG:g} 秒按 {FIRST_LAG:g} 秒画出。",
        ),
        {share: _lag(share, "rate", "$__rate_interval") for share in SHARES},
    )


def unread(panels: Panels) -> timeseries.Panel:
    """Return a graph of what could not be read and what was missing."""
    unread_fields, missing_fields = (chosen(f"yunfu_exporter_{kind}_fields_total") for kind in ("unread", "missing"))
    return panels.timeseries(
        Text("Unread or missing fields per minute", "每分钟无法解析或缺少的响应字段"),
        Text(
            "Parts of the platform's responses that could not be read, or were not there although its documentation has them,"
            " by field. Empty is good; if not, the platform has changed its answers: please report the field.",
            "平台响应中无法解析的字段，以及文档所列而响应中没有的字段。为空表示正常；否则说明平台响应格式有变，请反馈该字段。",
        ),
        PER_MINUTE,
        Query(f"sum by (field) (rate({unread_fields}[$__rate_interval])) * 60", "{{field}}"),
        Query(
            f"sum by (field) (rate({missing_fields}[$__rate_interval])) * 60",
            Text("{{field}} missing", "缺少 {{field}}"),
        ),
    ).no_value(panels.say(_NONE))


def _quantile(share: float, histogram: str, function: str, window: str) -> str:
    buckets = chosen(f"{histogram}_bucket")
    return f"histogram_quantile({share}, sum by (le) ({function}({buckets}[{window}])))"


def _lag(share: float, function: str, window: str) -> str:
    """Return a quantile of the lag, which is not told below its first bucket: what lies between 0 and there is a guess."""
    return f"clamp_min({_quantile(share, LAG, function, window)}, {FIRST_LAG:g})"


def _least_lag(panels: Panels) -> list[dashboard.ValueMapping]:
    words = dashboard.ValueMappingResult(text=panels.say(Text(f"< {FIRST_LAG:g} s", f"< {FIRST_LAG:g} 秒")), index=0)
    return [dashboard.RangeMap(options=dashboard.DashboardRangeMapOptions(0, FIRST_LAG, words))]


def _quantiles(panels: Panels, title: Text, description: Text, exprs: Mapping[float, str]) -> timeseries.Panel:
    """Return a graph of quantiles, over five minutes at least: there is no slowest 1 % of the few calls of one."""
    asked = [Query(expr, SHARES[share]) for share, expr in exprs.items()]
    panel = panels.timeseries(title, description, "s", *asked)
    for ref, colour in zip("ABC", SHARE_COLOURS, strict=True):
        panel.override_by_query(ref, [fixed(colour)])
    return panel.interval("5m").min(0).fill_opacity(0)


def wait_per_call(by: str, function: str, window: str) -> str:
    """Return for how many seconds a call waited for the quota on average; ``by`` is the aggregation, ``function`` increase or rate."""
    waited = chosen("yunfu_exporter_api_throttled_seconds_total")
    calls = chosen(f"{REQUESTS}_count")
    return f"{by} ({function}({waited}[{window}])) / ({by} ({function}({calls}[{window}])) > 0)"


def quota_used() -> str:
    """Return each account's API calls per second as a share of its rate limit."""
    return f"{_CALLS} / sum by (account) ({chosen('yunfu_account_rate_limit')})"
