"""Texts of the overview: the verdict, the causes that tasks share, and the accounts."""

from typing import Final

from exporter.words.text import Text

VERDICT: Final = {
    "verdict": Text("Current state", "当前状况"),
    "verdict.fine": Text("Fine", "一切正常"),
    "verdict.need": Text("{n} {n:task needs|tasks need} you", "{n} 个任务需要处理"),
    "verdict.untrusted": Text("Cannot be trusted", "数据不可信"),
    "verdict.attention": Text(
        "Tasks fine, {n} {n:thing needs|things need} attention", "任务正常，另有 {n} 件事需要留意"
    ),
    "verdict.late": Text("{n} {n:task has|tasks have} no new data", "{n} 个任务没有新数据"),
    "verdict.unjudged": Text("{n} {n:task|tasks} cannot be judged", "{n} 个任务无法判断"),
    "verdict.none": Text("No task is polled", "没有采集任何任务"),
    "verdict.starting": Text("Starting", "正在启动"),
    "worst.separator": Text(": ", "："),
    "rest.none": Text("no task is polled", "没有正在采集的任务"),
    "rest.starting": Text(
        "the first round of polls is under way, {n} {n:task|tasks} to go", "首轮采集进行中，还有 {n} 个任务"
    ),
    "rest.idle": Text("no task is running", "没有外呼中的任务"),
    "rest.low_running": Text(
        "{n} of {of} running {of:task|tasks} {n:is|are} below {n:its|their} answer-rate threshold",
        "{of} 个外呼中的任务里有 {n} 个接通率低于阈值",
    ),
    "rest.low_active": Text(
        "{n} of {of} active {of:task|tasks} {n:is|are} below {n:its|their} answer-rate threshold",
        "{of} 个进行中的任务里有 {n} 个接通率低于阈值",
    ),
    "rest.no_low_running": Text(
        "none of {of} running {of:task|tasks} is below its answer-rate threshold", "{of} 个外呼中的任务，接通率均达标"
    ),
    "rest.no_low_active": Text(
        "none of {of} active {of:task|tasks} is below its answer-rate threshold", "{of} 个进行中的任务，接通率均达标"
    ),
    "rest.unjudged": Text(
        "the answers of {n} running {n:task|tasks} lack calls or numbers", "{n} 个外呼中的任务缺少呼叫或号码数据"
    ),
    "rest.inbound": Text("{n} inbound {n:task is|tasks are} active", "{n} 个呼入任务进行中"),
    "rest.failing": Text("{n} {n:task|tasks} cannot be read", "{n} 个任务读取失败"),
    "rest.blocked": Text("the carrier blocks many calls of {n} {n:task|tasks}", "{n} 个任务的大量呼叫被运营商拦截"),
    "rest.late": Text("{n} {n:task has|tasks have} not been read at the last try", "{n} 个任务最近一次未能读到数据"),
    "rest.never_read": Text("{n} {n:task has|tasks have} never been read", "{n} 个任务从未读到数据"),
    "rest.overdue": Text("{n} {n:task is|tasks are} overdue", "{n} 个任务的数据已过期"),
    "rest.empty": Text(
        "{n} running {n:task is|tasks are} read, but {n:has|have} neither calls nor numbers ({why})",
        "{n} 个外呼中的任务能读到，却既没有呼叫也没有号码（{why}）",
    ),
    "rest.new": Text("{n} {n:task has|tasks have} not been polled yet", "{n} 个任务尚未采集"),
    "rest.served": Text("collecting normally", "采集正常"),
    "rest.unpolled": Text("{of:the account has|the accounts have} no task to poll", "{of} 个账号都没有可采集的任务"),
    "rest.some_unpolled": Text(
        "{n} of {of} accounts {n:has|have} no task to poll", "{of} 个账号里有 {n} 个没有可采集的任务"
    ),
    "rest.not_called": Text("no account has been called yet", "尚未调用任何账号的接口"),
    "rest.account_down": Text("account {account} cannot use the platform", "账号 {account} 无法访问平台"),
    "rest.accounts_down": Text("{n} of {of} accounts cannot use the platform", "{of} 个账号里有 {n} 个无法访问平台"),
    "rest.all_accounts_down": Text("none of {of} accounts can use the platform", "{of} 个账号均无法访问平台"),
    "rest.account_trouble": Text("account {account} needs attention", "账号 {account} 有问题待处理"),
    "rest.accounts_trouble": Text("{n} of {of} accounts need attention", "{of} 个账号里有 {n} 个有问题待处理"),
}

CAUSES: Final = {
    "cause.failing": Text("{n} tasks cannot be read: {why}", "{n} 个任务读取失败：{why}"),
    "cause.late": Text("The next polls of {n} tasks are overdue", "{n} 个任务的下一次采集已逾期"),
    "cause.late_failing": Text("The last polls of {n} tasks failed: {why}", "{n} 个任务最近的采集失败：{why}"),
    "cause.overdue": Text(
        "{n} tasks are overdue although their last poll worked", "{n} 个任务的数据已过期，但上次采集成功"
    ),
    "cause.overdue_account": Text(
        "{n} tasks are overdue: their account cannot use the platform", "{n} 个任务的数据已过期：账号无法访问平台"
    ),
    "cause.empty": Text(
        "{n} running tasks are read, but have neither calls nor numbers: {why}",
        "{n} 个外呼中的任务能读到，却既没有呼叫也没有号码：{why}",
    ),
    "cause.since": Text("{what}, since {since}", "{what}，自 {since} 起"),
    "cause.show": Text("Show the tasks", "查看这些任务"),
    "cause.all": Text("Back to all tasks", "返回全部任务"),
}

EXPORTER: Final = {
    "notices": Text("Needs attention", "需要留意"),
    "notices.more": Text("{n} more", "另外 {n} 条"),
    "exporter.broken_all": Text(
        "The reload failed (since {since}); the previous configuration stays in use. Mend the faults and reload again.",
        "重新加载失败（自 {since} 起），仍在使用之前的配置。请修正以下问题后再次加载。",
    ),
    "exporter.broken_web": Text(
        "The web configuration is broken (since {since}); the previous one stays in use.",
        "web 配置有误（自 {since} 起），仍在使用之前的配置。",
    ),
    "exporter.shard": Text(
        "This is shard {number} of {total} (shard.ordinal {ordinal}): only its tasks are polled and shown here.",
        "这是 {total} 个分片中的第 {number} 个（shard.ordinal {ordinal}）：此处只采集和显示属于它的任务。",
    ),
    "exporter.missing": Text(
        "The platform's answers for {n} running {n:task|tasks} lack documented fields: {fields}. What is missing has no metrics and "
        "no alerts. The tasks' pages say what came instead: please report it.",
        "{n} 个外呼中的任务的应答缺少文档所列的字段：{fields}。缺少的数据没有指标，也不会告警。任务页面上有实际收到的字段，请反馈给我们。",
    ),
    "exporter.no_shard": Text(
        "shard.ordinal is {ordinal}, but shard.total is {total}: no task belongs to this exporter.",
        "shard.ordinal 为 {ordinal}，而 shard.total 为 {total}：没有任务属于这个 exporter。",
    ),
}

ACCOUNTS: Final = {
    "accounts": Text("Accounts", "账号"),
    "accounts.more": Text("{n} more {n:account|accounts}", "另外 {n} 个账号"),
    "account": Text("Account", "账号"),
    "account.platform": Text("Platform", "平台"),
    "account.up": Text("Up", "正常"),
    "account.down": Text("Down", "不可用"),
    "account.unknown": Text("Not called yet", "尚未调用"),
    "account.token": Text("Token", "Token"),
    "account.quota": Text("API calls per minute", "每分钟接口调用"),
    "account.quota_use": Text("{needed} needed of {allowed}", "需 {needed} 次，上限 {allowed} 次"),
    "account.limit": Text("Token limit {limit}: {why}", "token 上限 {limit} 次：{why}"),
    "account.granted": Text("Platform grants {n}", "平台允许 {n} 次"),
    "account.ours": Text("exporter used {n}", "exporter 已用 {n} 次"),
    "account.others": Text("others up to {n}", "其他程序最多 {n} 次"),
    "account.tasks": Text("Tasks", "任务"),
    "account.polled": Text("{n} polled", "采集 {n} 个"),
    "account.discovery": Text("Discovery", "任务发现"),
    "account.discovery_off": Text("off: only the listed tasks", "关闭：只采集配置中列出的任务"),
    "account.discovery_never": Text("has not worked yet", "尚未成功"),
    "account.discovery_fails": Text("Discovery fails: {why}", "任务发现失败：{why}"),
    "account.discovery_keeps": Text(
        "Discovery fails; the previous list stays in use: {why}", "任务发现失败，沿用上次的列表：{why}"
    ),
    "account.odd_list": Text(
        "A task list of the platform is not as documented: {list}. The tasks in it are polled all the same. The log says what is odd:",
        "平台的任务列表与文档不符：{list}。其中的任务照常采集。原因（日志原文）：",
    ),
    "account.no_list": Text(
        "The platform has no task list {list}; the others are read. If it should have it, check discovery.generations, "
        "user_id and base_url; if not, leave it out of discovery.generations.",
        "平台上没有这个任务列表：{list}，其他列表照常读取。若本应有，请检查 discovery.generations、user_id 和 base_url；"
        "若确实没有，可从 discovery.generations 中去掉。",
    ),
    "account.token_expired": Text(
        "The token expired {when}. Get a new one on the platform and put it in the token file; it takes effect within a second.",
        "token 已过期（{when}）。请在平台上获取新 token 并写入 token 文件，一秒内生效。",
    ),
    "account.token_soon": Text(
        "The token expires {when}. Get a new one on the platform before that and put it in the token file.",
        "token 将于 {when}过期。请提前在平台上获取新 token 并写入 token 文件。",
    ),
    "account.token_file": Text(
        "Until the token file can be read, a new token cannot take effect.",
        "token 文件恢复可读之前，新 token 无法生效。",
    ),
    "account.held": Text(
        "API calls of the account are paused until {until}, for another {span}.",
        "该账号的接口调用已暂停至 {until}，{span}后继续。",
    ),
    "account.over_quota": Text(
        "The quota is too small, so running tasks that make few phone calls are polled less often. Raise rate_limit if the "
        "platform allows it, lengthen poll.interval, or poll fewer tasks.",
        "配额不足，通话少的外呼中任务采集频率会降低。若平台允许可调高 rate_limit，也可加长 poll.interval 或减少采集的任务。",
    ),
    "account.contended_others": Text(
        "Other programs use much of the token's quota and leave {limit} API calls per minute to the exporter instead of {alone}. Find out "
        "which programs use this token; if all of them need it, ask the platform's operator for a larger quota.",
        "其他程序占用了此 token 的大量配额，每分钟只给 exporter 留下 {limit} 次接口调用（原可用 {alone} 次）。"
        "请查明哪些程序在使用此 token；若都确有需要，请向平台运营方申请更高的配额。",
    ),
    "account.contended_throttled": Text(
        "The platform answered 429 (too many calls), so the exporter makes {limit} API calls per minute instead of {alone}, and more again "
        "step by step. Find out which other programs use this token, or lower rate_limit.",
        "平台返回了 429（请求过多），exporter 每分钟只调用接口 {limit} 次（原可用 {alone} 次），之后逐步恢复。"
        "请查明还有哪些程序在使用此 token，或调低 rate_limit。",
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
