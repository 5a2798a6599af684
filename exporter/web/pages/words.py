"""Every text of the pages, in English and Chinese, side by side.

In a text ``{n}`` is filled in; a whole number is written with separators, and ``{n:task|tasks}`` chooses by it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Text(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str


UNITS: Final = {
    "s": Text("{n} s", "{n} 秒"),
    "min": Text("{n} min", "{n} 分钟"),
    "h": Text("{n} h", "{n} 小时"),
    "d": Text("{n} {n:day|days}", "{n} 天"),
}

_FRAME: Final = {
    "ago": Text("{span} ago", "{span}前"),
    "ahead": Text("in {span}", "{span}后"),
    "skip": Text("Skip to the content", "跳到正文"),
    "language": Text("Language", "语言"),
    "links": Text("Other paths", "其他路径"),
    "home": Text("Overview", "总览"),
    "trail": Text("You are here", "当前位置"),
    "title": Text("Outbound call tasks", "外呼任务"),
    "as_of": Text("As of {time}", "截至 {time}"),
    "pause": Text("Pause", "暂停刷新"),
    "resume": Text("Resume", "恢复刷新"),
    "offline": Text(
        "The exporter does not answer; what you see is as of {time}. Trying again.",
        "exporter 没有响应；以下内容截至 {time}，正在重试。",
    ),
    "by_hand": Text("Reload the page to see newer numbers.", "要看最新数据，请重新加载页面。"),
    "times_in": Text("Times are in {zone}.", "时间均为 {zone} 时区。"),
    "none": Text("–", "–"),
    "and": Text("; ", "；"),
    "stop": Text(".", "。"),
}

_VERDICT: Final = {
    "verdict": Text("Current state", "当前状况"),
    "verdict.none": Text("no task is polled", "没有正在采集的任务"),
    "verdict.starting": Text(
        "the first round of polls is under way, {n} {n:task|tasks} to go", "首轮采集进行中，还有 {n} 个任务"
    ),
    "verdict.idle": Text("no task is running", "没有外呼中的任务"),
    "verdict.low_running": Text(
        "{n} of {of} running {of:task|tasks} {n:is|are} below {n:its|their} answer-rate threshold",
        "{of} 个外呼中的任务里有 {n} 个接通率低于阈值",
    ),
    "verdict.low_active": Text(
        "{n} of {of} active {of:task|tasks} {n:is|are} below {n:its|their} answer-rate threshold",
        "{of} 个未完成的任务里有 {n} 个接通率低于阈值",
    ),
    "verdict.no_low_running": Text(
        "none of {of} running {of:task|tasks} is below its answer-rate threshold",
        "{of} 个外呼中的任务接通率均不低于阈值",
    ),
    "verdict.no_low_active": Text(
        "none of {of} active {of:task|tasks} is below its answer-rate threshold",
        "{of} 个未完成的任务接通率均不低于阈值",
    ),
    "verdict.failing": Text("{n} {n:task|tasks} cannot be read", "{n} 个任务读取失败"),
    "verdict.overdue": Text("{n} {n:task is|tasks are} overdue", "{n} 个任务的数据已过期"),
    "verdict.new": Text("{n} {n:task has|tasks have} not been polled yet", "{n} 个任务尚未采集"),
    "verdict.served": Text("{of:the account is|all accounts are} being polled", "{of} 个账号采集正常"),
    "verdict.not_called": Text("no account has been called yet", "尚未调用任何账号的接口"),
    "verdict.account_down": Text("account {account} cannot use the platform", "账号 {account} 无法访问平台"),
    "verdict.accounts_down": Text("{n} of {of} accounts cannot use the platform", "{of} 个账号里有 {n} 个无法访问平台"),
    "verdict.account_trouble": Text(
        "account {account} is polled, but has a problem", "账号 {account} 采集正常，但有待处理的问题"
    ),
    "verdict.accounts_trouble": Text(
        "{n} of {of} accounts are polled, but have problems", "{of} 个账号里有 {n} 个有待处理的问题"
    ),
}

_ACCOUNTS: Final = {
    "accounts": Text("Accounts", "账号"),
    "accounts.more": Text("{n} more {n:account|accounts}", "另外 {n} 个账号"),
    "account": Text("Account", "账号"),
    "account.platform": Text("Platform", "平台"),
    "account.up": Text("Up", "正常"),
    "account.down": Text("Down", "不可用"),
    "account.unknown": Text("Not called yet", "尚未调用"),
    "account.token": Text("Token", "Token"),
    "account.quota": Text("API calls a minute", "每分钟接口调用"),
    "account.quota_use": Text("{needed} needed of {allowed} allowed", "需要 {needed}，允许 {allowed}"),
    "account.tasks": Text("Tasks", "任务"),
    "account.polled": Text("{n} polled", "采集 {n} 个"),
    "account.discovery": Text("Discovery", "任务发现"),
    "account.discovery_off": Text("off: only the listed tasks", "关闭：只采集配置中列出的任务"),
    "account.discovery_never": Text("has not worked yet", "尚未成功"),
    "account.discovery_fails": Text(
        "Discovery fails; the previous list stays in use: {why}", "任务发现失败，沿用上次的列表：{why}"
    ),
    "account.token_expired": Text(
        "The token expired {when}. Get a new one on the platform and put it in the token file; it takes effect within a second.",
        "token 已过期（{when}）。请在平台上获取新 token 并写入 token 文件，一秒内生效。",
    ),
    "account.token_soon": Text(
        "The token expires {when}. Get a new one on the platform before that and put it in the token file.",
        "token 将于{when}过期。请提前在平台上获取新 token 并写入 token 文件。",
    ),
    "account.held": Text("Calls are paused for another {span}.", "接口调用已暂停，{span}后继续。"),
    "account.over_quota": Text(
        "The quota is too small: all intervals are stretched {times} times. Raise rate_limit if the platform allows it, "
        "lengthen poll.interval, or poll fewer tasks.",
        "配额不足：所有采集间隔延长到 {times} 倍。若平台允许可调高 rate_limit，也可加长 poll.interval 或减少采集的任务。",
    ),
    "account.left_out": Text(
        "{n} {n:task is|tasks are} not polled because the account is over its max_tasks. Raise discovery.max_tasks, "
        "or narrow include, exclude or states.",
        "账号的任务数超过 max_tasks，{n} 个任务未采集。请调高 discovery.max_tasks，或收窄 include、exclude、states。",
    ),
    "token.opaque": Text("expiry unknown", "有效期未知"),
    "token.expires": Text("expires {when}", "{when}过期"),
    "token.expired": Text("expired {when}", "已过期（{when}）"),
}

_TASKS: Final = {
    "tasks": Text("Tasks", "任务"),
    "tasks.legend": Text("Colours of the numbers", "号码状态图例"),
    "tasks.needs_look": Text("{n} of {of} {n:needs|need} a look", "{of} 个任务中有 {n} 个需要关注"),
    "tasks.none_needs_look": Text("none of {of} needs a look", "{of} 个任务都无需关注"),
    "tasks.range": Text("{first}–{last} of {total}", "第 {first}–{last} 个，共 {total} 个"),
    "tasks.none": Text("No task is known yet.", "还没有任务。"),
    "tasks.none_found": Text("No task matches the filter.", "没有符合条件的任务。"),
    "filter": Text("Filter", "筛选"),
    "filter.text": Text("Name or id", "名称或 ID"),
    "filter.account": Text("Account", "账号"),
    "filter.state": Text("State", "状态"),
    "filter.show": Text("Show", "显示"),
    "filter.any_account": Text("all accounts", "全部账号"),
    "filter.any_state": Text("any state", "全部状态"),
    "filter.apply": Text("Apply", "应用"),
    "filter.clear": Text("Clear", "清除"),
    "filter.sort": Text("Sorted by", "排序"),
    "filter.reverse": Text("{sort}, reversed", "{sort}（倒序）"),
    "show.all": Text("all tasks", "全部任务"),
    "show.look": Text("those that need a look", "需要关注的"),
    "show.unpolled": Text("those that are not polled", "未采集的"),
    "sort.worst": Text("worst first", "问题优先"),
    "sort.name": Text("Task", "任务"),
    "sort.state": Text("State", "状态"),
    "sort.progress": Text("Progress", "进度"),
    "sort.answer": Text("Answer rate", "接通率"),
    "sort.numbers": Text("Numbers by status", "号码状态"),
    "sort.age": Text("Data age", "数据时间"),
    "next_poll": Text("Next poll", "下次采集"),
    "next_poll.now": Text("now", "现在"),
    "next_poll.under_way": Text("under way", "采集中"),
    "pages": Text("Pages", "分页"),
    "pages.of": Text("Page {page} of {pages}", "第 {page} 页，共 {pages} 页"),
    "pages.first": Text("First", "首页"),
    "pages.before": Text("Previous", "上一页"),
    "pages.next": Text("Next", "下一页"),
    "pages.last": Text("Last", "末页"),
    "answer.threshold": Text("min {threshold}", "阈值 {threshold}"),
    "answer.calls": Text("n = {calls}", "n = {calls}"),
    "answer.few": Text("too few", "样本太少"),
    "numbers.of": Text("{n} {n:number|numbers}", "{n} 个号码"),
    "age.never": Text("never read", "从未读到"),
    "age.stale": Text("left /metrics", "已从 /metrics 移除"),
    "name.none": Text("(no name)", "（无名称）"),
    "task.overdue": Text(
        "Its numbers were removed from /metrics: a successful poll is overdue by {late}, although the last one worked. Check "
        "the quota and yunfu_exporter_poll_lag_seconds.",
        "数据已从 /metrics 移除：上次采集虽成功，但下一次已逾期 {late}。请检查配额和 yunfu_exporter_poll_lag_seconds。",
    ),
    "task.overdue_account": Text(
        "Its numbers were removed from /metrics: a successful poll is overdue by {late}, because its account cannot use the platform.",
        "数据已从 /metrics 移除：账号无法访问平台，采集已逾期 {late}。",
    ),
    "task.low": Text(
        "Over its lifetime, {ratio} of {calls} calls were answered; the threshold is {threshold}.",
        "任务累计 {calls} 通呼叫，接通率 {ratio}，低于阈值 {threshold}。",
    ),
    "task.new": Text("It has not been polled yet.", "尚未采集。"),
    "task.leaving": Text(
        "The platform no longer lists it (since {since}); it leaves /metrics soon.",
        "平台列表中已没有此任务（{since}起），即将从 /metrics 移除。",
    ),
    "task.unpolled": Text(
        "It is not polled: discovery.states does not include {state}.", "未采集：discovery.states 不含“{state}”。"
    ),
    "hidden.include": Text(
        "The platform lists it, but it is not polled: its name does not match discovery.include.",
        "平台上有此任务，但未采集：名称不匹配 discovery.include。",
    ),
    "hidden.exclude": Text(
        "The platform lists it, but it is not polled: its name matches discovery.exclude.",
        "平台上有此任务，但未采集：名称匹配 discovery.exclude。",
    ),
    "hidden.max_tasks": Text(
        "The platform lists it, but it is not polled: the account is over its discovery.max_tasks.",
        "平台上有此任务，但未采集：账号的任务数超过 discovery.max_tasks。",
    ),
    "hidden.shard": Text(
        "Another exporter polls it: the tasks are divided among shards, and this one belongs to another.",
        "由另一个 exporter 采集：任务按分片划分，此任务属于其他分片。",
    ),
    "state.running": Text("Running", "外呼中"),
    "state.waiting": Text("Waiting", "等待中"),
    "state.paused": Text("Paused", "已暂停"),
    "state.unknown": Text("Unknown", "未知"),
}

_REASONS: Final = {
    "reason.timeout": Text(
        "The platform did not answer in time. The exporter retries at growing intervals; if it persists, check the "
        "network to the platform and poll.timeout.",
        "平台未在时限内应答。会以递增的间隔重试；若持续出现，请检查到平台的网络和 poll.timeout。",
    ),
    "reason.connect": Text(
        "The platform cannot be reached. Check base_url, DNS, proxy and firewall.",
        "无法连接平台。请检查 base_url、DNS、代理和防火墙。",
    ),
    "reason.tls": Text(
        "The platform's certificate is not trusted, or TLS failed. Check ca_file and base_url.",
        "平台证书不受信任或 TLS 握手失败。请检查 ca_file 和 base_url。",
    ),
    "reason.http_401": Text(
        "The platform does not accept the token. Put a new one in the token file; it takes effect within a second.",
        "平台不接受这个 token。请把新 token 写入 token 文件，一秒内生效。",
    ),
    "reason.http_403": Text(
        "The task belongs to someone else. Check user_id and the task's sub_user_id.",
        "无权访问此任务。请检查 user_id 和任务的 sub_user_id。",
    ),
    "reason.http_404": Text(
        "The platform knows no such task. Was it deleted, or is its id wrong?",
        "平台上没有此任务。可能已被删除，或 ID 有误。",
    ),
    "reason.http_407": Text(
        "The proxy wants a password. Check the account's proxy.", "代理要求身份验证。请检查该账号的 proxy 设置。"
    ),
    "reason.http_3xx": Text(
        "The platform redirects elsewhere, which the exporter does not follow. Check base_url.",
        "平台返回重定向，exporter 不会跟随。请检查 base_url。",
    ),
    "reason.http_4xx": Text(
        "The platform refuses the call with HTTP {code}. Check base_url and user_id.",
        "平台以 HTTP {code} 拒绝了请求。请检查 base_url 和 user_id。",
    ),
    "reason.http_5xx": Text(
        "The platform has an internal error. The exporter retries at growing intervals; if it persists, ask the platform's operator.",
        "平台内部故障。会以递增的间隔重试；若持续出现，请联系平台运营方。",
    ),
    "reason.throttled": Text(
        "The platform says there are too many calls. All calls of the account wait as long as it asks; if it happens "
        "again, lower rate_limit.",
        "平台提示请求过多。该账号的所有请求会按要求等待；若再次出现，请调低 rate_limit。",
    ),
    "reason.api_error": Text(
        "The platform answered, but with a refusal. The platform's own log of calls says why.",
        "平台已应答，但拒绝了请求。具体原因见平台侧的调用日志。",
    ),
    "reason.malformed": Text(
        "The answer is not the platform's API. Does base_url lead to it, or is a proxy or a login page in between?",
        "应答不是平台接口的格式。请确认 base_url 指向平台接口，且中间没有代理或登录页。",
    ),
    "reason.other": Text("The last poll failed; the log says more.", "上次采集失败，详见日志。"),
}

_DETAIL: Final = {
    "detail.figures": Text("Figures", "关键数据"),
    "detail.facts": Text("Facts", "基本信息"),
    "detail.grafana": Text("Over time, in Grafana", "在 Grafana 中查看趋势"),
    "detail.id": Text("Task id", "任务 ID"),
    "detail.sub_account": Text("Sub-account", "子账号"),
    "detail.generation": Text("Generation", "任务版本"),
    "detail.created": Text("Created", "创建时间"),
    "detail.concurrency": Text("Concurrent calls", "并发上限"),
    "detail.threshold": Text("Threshold of the answer rate", "接通率阈值"),
    "detail.interval": Text("Polled every", "采集间隔"),
    "detail.not_polled": Text("not polled", "不采集"),
    "detail.last_success": Text("Last success", "上次成功"),
    "detail.never": Text("never", "从未"),
    "detail.why": Text("Why is a series missing?", "为什么没有这条时间序列？"),
    "detail.gone": Text(
        "Nothing of this task is on /metrics any more: the platform has not known it since {since}.",
        "此任务已完全从 /metrics 移除：平台自{since}起已没有它。",
    ),
    "detail.leaving": Text(
        "The platform has not known this task since {since}; all of it leaves /metrics {leaves}.",
        "平台自{since}起已没有此任务；它将于{leaves}从 /metrics 完全移除。",
    ),
    "detail.unpolled": Text(
        "The task is known but not polled, because discovery.states does not include {state}. /metrics has only its "
        "info and state, and what was read earlier until that is stale.",
        "任务已知但未采集，因为 discovery.states 不含“{state}”。/metrics 上只有它的基本信息和状态（以及尚未过期的旧数据）。",
    ),
    "detail.new": Text(
        "The task has not been polled yet; its statistics appear with the first poll that works.",
        "任务尚未采集；首次采集成功后才有统计数据。",
    ),
    "detail.never_read": Text(
        "No poll of the task has worked yet, so there are no statistics.", "该任务从未采集成功，因此没有统计数据。"
    ),
    "detail.stale": Text(
        "The statistics left /metrics {since}: no poll has worked since {success}, and stale_after has passed. They come "
        "back with the next poll that works.",
        "统计数据已于{since}从 /metrics 移除：自{success}起没有成功的采集，且已超过 stale_after。下次采集成功后恢复。",
    ),
    "detail.fresh": Text(
        "Everything the platform reported {success} is on /metrics: {n} series. What it did not report has no series; the table says why.",
        "{success}平台返回的数据都在 /metrics 上，共 {n} 条时间序列。平台没有返回的数据没有时间序列，原因见下表。",
    ),
    "detail.restart": Text(
        "Counters (…_total) begin at 0 when the exporter starts, and count only growth between two polls.",
        "计数器（…_total）在 exporter 启动时从 0 开始，只累计两次采集之间的增量。",
    ),
    "detail.series": Text("Every value on /metrics", "/metrics 上的全部取值"),
    "detail.absent": Text("Missing metrics", "缺失的指标"),
    "detail.reason": Text("Why it is missing", "缺失的原因"),
    "detail.metric": Text("Metric", "指标"),
    "detail.values": Text("Values", "取值"),
    "detail.lines": Text("Lines on /metrics", "/metrics 原文"),
    "detail.no_lines": Text("Nothing of this task is on /metrics.", "/metrics 上没有此任务的内容。"),
    "detail.window": Text("Window {window}:", "窗口 {window}："),
    "detail.polls": Text("Last polls", "最近的采集"),
    "detail.polls_none": Text("There was no poll since the exporter started.", "exporter 启动以来还没有采集。"),
    "detail.polls_note": Text(
        "The newest first, at most 20; the duration includes waiting for the quota.",
        "最新的在前，最多 20 次；耗时包含等待配额的时间。",
    ),
    "polls.time": Text("Time", "时间"),
    "polls.duration": Text("Duration", "耗时"),
    "polls.outcome": Text("Outcome", "结果"),
    "polls.ok": Text("read", "成功"),
    "absent.unpolled": Text("The task is not polled.", "任务未采集。"),
    "absent.gone": Text("The platform does not know the task any more.", "平台上已没有此任务。"),
    "absent.untried": Text("It has not been polled yet.", "尚未采集。"),
    "absent.not_read": Text("No poll has worked yet.", "尚未有成功的采集。"),
    "absent.stale": Text("The numbers were too old to be shown.", "数据过旧，已移除。"),
    "absent.not_told": Text("The platform's last answer did not contain it.", "平台最近的应答中没有此项。"),
    "absent.empty": Text("The platform's last answer lists none.", "平台最近的应答中列表为空。"),
    "absent.unread": Text(
        "The platform's last answer had it in a form that cannot be read ({fields}); yunfu_exporter_unread_fields_total counts these.",
        "平台最近的应答中此项格式无法识别（{fields}）；yunfu_exporter_unread_fields_total 对此计数。",
    ),
    "absent.not_listed": Text(
        "The platform's list does not contain it, or is not read.", "平台的任务列表没有此项，或未读取列表。"
    ),
    "absent.window_none": Text("No window is configured (windows).", "未配置统计窗口（windows）。"),
    "absent.window_over": Text("Its windows are over or stale.", "窗口已结束或数据过旧。"),
    "absent.uncounted": Text("Nothing to count has been reported yet.", "尚无可计数的数据。"),
    "missing.title": Text("There is no such page", "页面不存在"),
    "missing.bad_id": Text(
        "A task is addressed by its account and its UUID, as the platform shows it: task?account=main&task=61551b2c-….",
        "任务由账号和平台显示的 UUID 指定：task?account=main&task=61551b2c-…。",
    ),
    "missing.account": Text(
        "No account is called “{account}”. Configured: {known}.", "没有名为“{account}”的账号。现有：{known}。"
    ),
    "missing.no_account": Text("No account is running yet.", "还没有运行中的账号。"),
    "missing.task": Text(
        "The exporter knows no task {task} in account {account}.", "exporter 在账号 {account} 中没有任务 {task}。"
    ),
    "missing.elsewhere": Text("It is a task of another account:", "它属于另一个账号："),
    "missing.discovery_off": Text(
        "Discovery is off for this account: only the tasks that the configuration lists are polled.",
        "该账号未启用任务发现：只采集配置中列出的任务。",
    ),
    "missing.not_listed": Text(
        "The platform's lists, read {ago}, do not have it. Was it deleted, is it a sub-account's (discovery.sub_accounts), or "
        "is it of a generation that is not listed (discovery.generations)?",
        "{ago}读取的平台任务列表中没有它。它可能已删除，或属于子账号（discovery.sub_accounts），或属于未读取的任务版本（discovery.generations）。",
    ),
    "missing.not_discovered": Text("The platform's lists have not been read yet.", "尚未读到平台的任务列表。"),
    "missing.too_many": Text(
        "Or it is one of {n} tasks that include, exclude, max_tasks or another shard leave out: too many to remember each.",
        "也可能是被 include、exclude、max_tasks 排除或由其他分片采集的 {n} 个任务之一：数量太多，未逐一保存。",
    ),
}

_FAMILIES: Final = {
    "family.yunfu_task_info": Text("Names of the task", "任务信息"),
    "family.yunfu_task_state": Text("State", "任务状态"),
    "family.yunfu_task_up": Text("Last poll worked", "上次采集是否成功"),
    "family.yunfu_task_last_success_timestamp_seconds": Text("Last success", "上次成功时间"),
    "family.yunfu_task_poll_interval_seconds": Text("Poll interval", "采集间隔"),
    "family.yunfu_task_answer_ratio_threshold": Text("Threshold of the answer rate", "接通率阈值"),
    "family.yunfu_task_concurrency_limit": Text("Concurrent calls allowed", "并发上限"),
    "family.yunfu_task_created_timestamp_seconds": Text("Created", "创建时间"),
    "family.yunfu_task_answered_calls": Text("Answered calls", "接通数"),
    "family.yunfu_task_unanswered_calls": Text("Unanswered calls", "未接通数"),
    "family.yunfu_task_answer_ratio": Text("Answer rate", "接通率"),
    "family.yunfu_task_progress_ratio": Text("Progress", "外呼进度"),
    "family.yunfu_task_numbers": Text("Numbers by status", "号码状态"),
    "family.yunfu_task_intention_calls": Text("Calls by intention", "意向通话数"),
    "family.yunfu_task_intention_ratio": Text("Share by intention", "意向占比"),
    "family.yunfu_task_round_calls": Text("Calls by conversation rounds", "对话轮次"),
    "family.yunfu_task_tag_calls": Text("Calls by business tag", "业务标签"),
    "family.yunfu_task_llm_tag_calls": Text("Calls by tag of the language model", "大模型标签"),
    "family.yunfu_task_calls_total": Text("Calls made since the exporter started", "启动以来的呼叫数"),
    "family.yunfu_task_number_results_total": Text("Results since the exporter started", "启动以来的号码结果"),
    "family.yunfu_task_resets_total": Text("Resets seen", "任务重置次数"),
}

_LABELS: Final = {
    "status.waiting": Text("Waiting", "等待呼叫"),
    "status.connected": Text("Connected", "呼叫成功"),
    "status.carrier_blocked": Text("Blocked by carrier", "运营商拦截"),
    "status.rejected": Text("Rejected", "拒接"),
    "status.no_answer": Text("No answer", "无人接听"),
    "status.invalid_number": Text("Invalid number", "空号"),
    "status.powered_off": Text("Powered off", "关机"),
    "status.suspended": Text("Suspended", "停机"),
    "status.busy": Text("Busy", "占线"),
    "status.incoming_barred": Text("Incoming barred", "呼入限制"),
    "status.arrears": Text("In arrears", "欠费"),
    "status.blacklisted": Text("On blacklist", "黑名单"),
    "status.user_blocked": Text("Blocked by user", "用户屏蔽"),
    "status._other": Text("Other", "其他"),
    "intention.A": Text("A · clear interest", "A级 · 有明确意向"),
    "intention.B": Text("B · possible interest", "B级 · 可能有意向"),
    "intention.C": Text("C · clear refusal", "C级 · 明确拒绝"),
    "intention.D": Text("D · busy", "D级 · 用户在忙"),
    "intention.E": Text("E · other", "E级 · 其他"),
    "rounds.1": Text("1 round", "1 轮"),
    "rounds.2-5": Text("2–5 rounds", "2–5 轮"),
    "rounds.6-10": Text("6–10 rounds", "6–10 轮"),
    "rounds.11-20": Text("11–20 rounds", "11–20 轮"),
    "rounds.21+": Text("21 rounds or more", "21 轮及以上"),
    "outcome.answered": Text("Answered", "已接通"),
    "outcome.unanswered": Text("Not answered", "未接通"),
    "window.today": Text("today", "今日"),
    "window.yesterday": Text("yesterday", "昨日"),
    "tag._other": Text("all others", "其余标签"),
    "generation.1": Text("1.0", "1.0"),
    "generation.2": Text("2.0", "2.0"),
    "bool.1": Text("yes", "是"),
    "bool.0": Text("no", "否"),
}

WORDS: Final[dict[str, Text]] = {
    **_FRAME,
    **_VERDICT,
    **_ACCOUNTS,
    **_TASKS,
    **_REASONS,
    **_DETAIL,
    **_FAMILIES,
    **_LABELS,
}
"""By key. A key with a dot belongs to what stands before it: ``status.busy`` is what the label value ``busy`` means."""
