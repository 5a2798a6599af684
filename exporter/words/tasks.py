"""Texts of the list of tasks: filter, columns, and what is wrong with a task."""

from typing import Final

from exporter.words.text import Text

TASKS: Final = {
    "tasks": Text("Tasks", "任务"),
    "tasks.legend": Text("Colours of the numbers", "号码状态图例"),
    "tasks.needs_look": Text("{n} of {of} {n:needs|need} a look", "{of} 个任务中有 {n} 个需要关注"),
    "tasks.none_needs_look": Text("{of:the task is|all {of} tasks are} fine", "{of} 个任务都正常"),
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
    "sort.answer": Text("Answer rate (lifetime)", "累计接通率"),
    "sort.numbers": Text("Numbers by status", "号码状态"),
    "sort.age": Text("Data age", "数据时间"),
    "next_poll": Text("Next poll", "下次采集"),
    "next_poll.now": Text("now", "现在"),
    "next_poll.under_way": Text("polling now", "采集中"),
    "next_poll.label": Text("next:", "下次："),
    "next_poll.paused": Text("account paused until {until}", "账号已暂停至 {until}"),
    "trend": Text("Last hour", "最近 1 小时"),
    "trend.said": Text(
        "Last hour: {calls} {calls:call|calls}, {ratio} answered", "最近 1 小时：{calls} 通呼叫，接通率 {ratio}"
    ),
    "trend.unseen": Text(
        "No phone call has been seen since the exporter started.", "exporter 启动以来还没有看到呼叫。"
    ),
    "trend.unread": Text("No data yet on calls and their outcomes.", "还没有呼叫及其结果的数据。"),
    "trend.share": Text("answered: {ratio}", "接通率：{ratio}"),
    "trend.volume": Text(
        "{calls} {calls:call|calls}, at most {peak} per minute", "{calls} 通呼叫，每分钟最多 {peak} 通"
    ),
    "trend.since": Text("in trouble since {since}", "自 {since} 起异常"),
    "trend.none": Text("no calls", "无呼叫"),
    "pages": Text("Pages", "分页"),
    "pages.of": Text("Page {page} of {pages}", "第 {page} 页，共 {pages} 页"),
    "pages.first": Text("First", "首页"),
    "pages.before": Text("Previous", "上一页"),
    "pages.next": Text("Next", "下一页"),
    "pages.last": Text("Last", "末页"),
    "answer.threshold": Text("min {threshold}", "阈值 {threshold}"),
    "answer.calls": Text("{calls} {calls:call|calls}", "{calls} 通"),
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
        "Since {since}, too few calls are answered: {share} of {of} calls in the last {span}; the threshold is {threshold}.",
        "自 {since} 起接通率过低：最近 {span}的 {of} 通呼叫，接通率 {share}，低于阈值 {threshold}。",
    ),
    "task.blocked": Text(
        "Since {since}, the carrier blocks many calls: {share} of {of} results in the last {span}. Calling on now only burns "
        "through the list.",
        "自 {since} 起大量呼叫被运营商拦截：最近 {span}的 {of} 个结果中占 {share}。继续外呼会白白消耗名单。",
    ),
    "task.late": Text(
        "Its next poll is overdue by {late}, although the last one worked.", "下一次采集已逾期 {late}（上次采集成功）。"
    ),
    "task.late_failing": Text("Its last {n:poll|{n} polls} failed. {why}", "最近 {n} 次采集失败。{why}"),
    "task.empty": Text(
        "It is running and was read, but has neither calls nor numbers: {why}.",
        "外呼中的任务能读到，却既没有呼叫也没有号码：{why}。",
    ),
    "task.unjudged": Text(
        "It was read, but its calls cannot be judged: {why}.", "任务能读到，但无法判断呼叫情况：{why}。"
    ),
    "empty.missing": Text("the answer lacks {fields}", "应答中缺少 {fields}"),
    "empty.instead": Text(
        "the answer lacks {fields}, and has unknown fields instead: {unknown}",
        "应答中缺少 {fields}，却有未知字段 {unknown}",
    ),
    "empty.unread": Text("the answer's {fields} cannot be read", "应答中的 {fields} 无法识别"),
    "empty.nothing": Text("the platform reports none", "平台没有给出"),
    "short.failing": Text("cannot be read: {why}", "读取失败：{why}"),
    "short.overdue": Text("no new numbers", "没有新数据"),
    "short.empty": Text("read, but with neither calls nor numbers", "能读到，却既没有呼叫也没有号码"),
    "short.low": Text("{share} answered, the threshold is {threshold}", "接通率 {share}，阈值 {threshold}"),
    "short.blocked": Text("{share} blocked by the carrier", "{share} 被运营商拦截"),
    "short.for": Text("{what}, for {span}", "{what}，{span}"),
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
