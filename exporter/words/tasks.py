"""Texts of the list of tasks: filter, columns, and what is wrong with a task."""

from typing import Final

from exporter.words.text import Text

TASKS: Final = {
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
    "task.empty": Text(
        "It is running and was read, but has neither calls nor numbers: {why}.",
        "外呼中的任务能读到，却既没有呼叫也没有号码：{why}。",
    ),
    "empty.missing": Text("the answer lacks {fields}", "应答中缺少 {fields}"),
    "empty.instead": Text(
        "the answer lacks {fields}, and has unknown fields instead: {unknown}",
        "应答中缺少 {fields}，却有未知字段 {unknown}",
    ),
    "empty.unread": Text("the answer's {fields} cannot be read", "应答中的 {fields} 无法识别"),
    "empty.nothing": Text("the platform reports none", "平台没有给出"),
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
}
