"""Texts of ``check``, ``tasks`` and ``assets``: the API budget, warnings about settings, the table of tasks, what was written."""

from typing import Final

from exporter.words.text import Text

CHECK: Final = {
    "good": Text("the configuration is good", "配置有效"),
    "warning": Text("  warning: {sentence}", "  警告：{sentence}"),
    "add_live": Text(
        "account {account}: the number of tasks is known to the platform only: add --live to ask it",
        "账号 {account}：任务数量只有平台知道，加上 --live 即可查询",
    ),
}

BUDGET: Final = {
    "account": Text("account {names}", "账号 {names}"),
    "accounts": Text("accounts {names} (one token)", "账号 {names}（共用一个 token）"),
    "discovery": Text(
        "{who}: {lists} of {allowed} API calls per minute go into discovery",
        "{who}：每分钟 {allowed} 次接口调用中，{lists} 次用于发现任务",
    ),
    "task": Text(
        "{who}: {count} task; if all run, they need {needed} of {allowed} API calls per minute",
        "{who}：{count} 个任务；若全部运行，每分钟需要 {needed} 次接口调用，可用 {allowed} 次",
    ),
    "tasks": Text(
        "{who}: {count} tasks; if all run, they need {needed} of {allowed} API calls per minute",
        "{who}：{count} 个任务；若全部运行，每分钟需要 {needed} 次接口调用，可用 {allowed} 次",
    ),
    "enough": Text("  that is enough for {rooms}", "  足够{rooms}"),
    "room": Text("{room} running tasks every {interval}", "每 {interval}采集 {room} 个运行中任务"),
    "or": Text(" or ", "，或"),
    "limit": Text(
        "  the limit is {reason}, for all programs that use the token",
        "  上限为{reason}，由使用该 token 的所有程序共用",
    ),
    "rate_limit": Text("rate_limit", " rate_limit"),
    "four_fifths": Text(
        "four fifths of the {granted} that the platform grants", "平台所给每分钟 {granted} 次的五分之四"
    ),
    "half": Text("half of {what}, since rate_limit is not given", "{what}的一半（未设置 rate_limit）"),
    "documented": Text("the {number} that the vendor documents", "厂商文档所写每分钟 {number} 次"),
    "granted": Text("the {number} that the platform grants", "平台所给每分钟 {number} 次"),
    "over": Text(
        "  warning: over the limit: tasks with many phone calls are polled more often, the others less, down to "
        "poll.idle_interval ({idle}) and beyond. Poll fewer tasks, or raise rate_limit if the "
        "platform grants more and your other programs do not need it",
        "  警告：超出上限：通话多的任务会更常采集，其他任务的间隔会拉长到 poll.idle_interval（{idle}）甚至更久。"
        "请减少采集的任务；若平台给的额度更高，且其他程序用不到，也可调高 rate_limit",
    ),
    "close": Text("  warning: close to the limit", "  警告：接近上限"),
    "plain_http": Text(
        "account {account}: base_url is plain http, so everybody on the way can read the token; expected https",
        "账号 {account}：base_url 使用明文 http，沿途任何人都能读到 token；应使用 https",
    ),
}

UNITS: Final = {
    "d": Text("d", " 天"),
    "h": Text("h", " 小时"),
    "m": Text("m", " 分钟"),
    "s": Text("s", " 秒"),
    "ms": Text("ms", " 毫秒"),
}
"""Units of durations, by how the configuration writes them."""

TABLE: Final = {
    "id": Text("id", "ID"),
    "name": Text("name", "名称"),
    "state": Text("state", "状态"),
    "account": Text("account", "账号"),
    "min_answer_ratio": Text("threshold", "阈值"),
    "labels": Text("labels", "标签"),
    "rules": Text("rules", "规则"),
    "not_polled_because": Text("not polled because", "不采集的原因"),
}
"""The columns of the table of tasks."""

NOT_POLLED: Final = {
    "state": Text("its state is not in discovery.states", "状态不在 discovery.states 中"),
    "include": Text("its name does not match discovery.include", "名称不匹配 discovery.include"),
    "exclude": Text("its name matches discovery.exclude", "名称匹配 discovery.exclude"),
    "max_tasks": Text("over discovery.max_tasks", "超出 discovery.max_tasks"),
    "shard": Text("another shard polls it", "由其他分片采集"),
}
"""Why a task is not polled, by the setting that hides it, or ``state``."""

IDLE_RULE: Final = Text(
    "account {account}: rules[{number}] matches no task's name: {pattern}",
    "账号 {account}：rules[{number}] 不匹配任何任务的名称：{pattern}",
)

NO_TASKS: Final = Text("no tasks", "没有任务")

ASSETS: Final = {
    "written": Text(
        "{name} files of yunfu-exporter {version} written to {to}",
        "已将 yunfu-exporter {version} 的 {name} 个文件写入 {to}",
    ),
    "kept": Text(
        "kept, since you changed it: {to}/{name}; the new one is {to}/{name}.new: take over what you need, then delete it",
        "已保留你改过的文件：{to}/{name} ；新版本为 {to}/{name}.new ：取用所需内容后请删除它",
    ),
    "removed": Text("removed, since this version has none: {to}/{name}", "已删除此版本不再包含的文件：{to}/{name}"),
    "left": Text(
        "kept, since you changed it: {to}/{name}; this version has none: delete it if you do not need it",
        "已保留你改过的文件：{to}/{name} ；此版本已不再包含它：不需要时请删除",
    ),
}

ASSETS_FOR: Final = {
    "prometheus": Text(
        "Prometheus    load {to}/prometheus/rules/*.yaml; example: {to}/prometheus/prometheus.yml",
        "Prometheus    加载 {to}/prometheus/rules/*.yaml ；示例： {to}/prometheus/prometheus.yml",
    ),
    "alertmanager": Text(
        "Alertmanager  messages to DingTalk, WeCom, Feishu: {to}/docs/notifications.md",
        "Alertmanager  通知到钉钉、企业微信、飞书：{to}/docs/notifications.zh-CN.md",
    ),
    "grafana": Text(
        "Grafana       import {to}/grafana/dashboards/en/*.json; as files: {to}/docs/dashboards.md",
        "Grafana       导入 {to}/grafana/dashboards/zh/*.json ；以文件方式部署见 {to}/docs/dashboards.zh-CN.md",
    ),
    "systemd": Text(
        "systemd       {to}/deploy/systemd/yunfu-exporter.service; how: {to}/docs/install.md",
        "systemd       {to}/deploy/systemd/yunfu-exporter.service ；步骤见 {to}/docs/install.zh-CN.md",
    ),
    "exporter": Text(
        "exporter      {to}/deploy/yunfu.yaml is an example; all keys: {to}/docs/configuration.md",
        "exporter      示例： {to}/deploy/yunfu.yaml ；全部配置项见 {to}/docs/configuration.zh-CN.md",
    ),
    "runbook": Text(
        "alerts        what to do: {to}/prometheus/runbook.md",
        "告警          处理方法： {to}/prometheus/runbook.zh-CN.md",
    ),
}
"""What the written files are for, a line each."""
