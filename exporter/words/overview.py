"""Texts of the overview: the verdict and the accounts."""

from typing import Final

from exporter.words.text import Text

VERDICT: Final = {
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

ACCOUNTS: Final = {
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
