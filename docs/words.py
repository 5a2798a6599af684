"""Texts of the generated references beside those of the metrics, and the Chinese of the settings' descriptions.

``CHINESE`` goes by the English text: who changes a description of a setting translates it here.
"""

from typing import Final

from exporter.words.text import Text

ACCEPTED: Final = {
    "_parse_ordinal": "a whole number from 0",
    "parse_address": "HOST:PORT, [IPv6]:PORT or :PORT",
    "parse_base_url": "an http or https address",
    "parse_duration": "a duration",
    "parse_label_name": "label names",
    "parse_path": "a path",
    "parse_pattern": "a regular expression",
    "parse_proxy": "an http or https address",
    "parse_rate": "N/m, N/s or a number per second",
    "parse_ratio": "a number from 0 to 1, such as 0.3 for 30%",
    "parse_text": "text",
    "parse_timezone": "a time zone's name",
    "parse_token": "a token",
    "parse_uuid": "a UUID",
    "parse_whole_number": "a whole number",
    "parse_window": "`today`, `yesterday` or a duration from 1m",
    "split_text": "a list",
}
"""What a key's parser accepts, by the parser's name."""

LABELS: Final = {
    "account": Text("the account's `name` in the configuration", "配置中账号的 `name`"),
    "task": Text(
        "the UUID of the task, as the platform shows it; only `yunfu_task_info` has its name",
        "任务的 UUID，与平台所示一致；名称只在 `yunfu_task_info` 上",
    ),
    "name": Text("the task's name, or the one in the configuration", "任务名称；配置里写了则用配置的"),
    "sub_account": Text(
        "the UUID of the sub-account that owns the task; empty for the account's own",
        "任务所属子账号的 UUID；账号自己的任务为空",
    ),
    "generation": Text(
        "`1` or `2`: the platform's 1.0 and 2.0 tasks; empty if the task is in no list that was read",
        "`1` 或 `2`，即平台的 1.0 和 2.0 任务；不在已读列表里则为空",
    ),
    "kind": Text(
        "`outbound` or `inbound`; empty if the platform does not say: alerts and dashboards take it for outbound",
        "`outbound`（外呼）或 `inbound`（呼入）；平台未说明则为空，告警和仪表盘按外呼处理",
    ),
    "state": Text("the task's state in the platform's list", "任务在平台列表中的状态"),
    "status": Text(
        "the current status of a phone number, see below; an undocumented code is `code_N`",
        "号码的当前状态，见下表；文档中没有的代码写作 `code_N`",
    ),
    "outcome": Text("whether a call was answered", "呼叫是否接通"),
    "intention": Text(
        "the letter of a name such as `A级(有明确意向)` or `A-高意向`, otherwise the name itself; without a name the letter of its number, 1 is `A`",
        "名称形如 `A级(有明确意向)`、`A-高意向` 的取字母，否则用名称本身；没有名称的按编号取字母，1 为 `A`",
    ),
    "rounds": Text("how many times the called person spoke", "一次通话的对话轮次"),
    "tag": Text(
        "the tag's name; `_other` is the rest beyond `labels.tag_limit`",
        "标签名称；超出 `labels.tag_limit` 的合并为 `_other`",
    ),
    "window": Text("the window as written in `windows`", "`windows` 里写的窗口"),
    "reason": Text(
        "why a call to the platform failed; others are `http_NNN`, see [faults](faults.md)",
        "调用平台失败的原因；其他为 `http_NNN`，见[故障](faults.zh-CN.md)",
    ),
    "field": Text("the platform's name for the field", "平台的字段名"),
}
"""What the labels mean."""

ENDPOINTS: Final = {
    "stat": Text("statistics of a task", "单个任务的统计"),
    "tasks": Text("list of the account's 1.0 tasks", "账号的 1.0 任务列表"),
    "new_tasks": Text("list of the account's 2.0 tasks", "账号的 2.0 任务列表"),
    "all_tasks": Text("list of the sub-accounts' 1.0 tasks", "子账号的 1.0 任务列表"),
    "subset_tasks": Text("list of the sub-accounts' 2.0 tasks", "子账号的 2.0 任务列表"),
}
"""What the values of the label endpoint mean."""

_FRAME: Final = {
    "Top level": "顶层",
    "Key": "键",
    "Accepted": "取值",
    "Default": "默认值",
    "Meaning": "含义",
    "required": "必填",
    "a section": "见该节",
    "Metric": "指标",
    "Type": "类型",
    "Labels": "标签",
    "Label": "标签",
    "Value": "值",
    "Values": "取值",
    "Code": "代码",
    "On the platform": "平台上的文字",
    "gauge": "gauge",
    "counter": "counter",
    "histogram": "histogram",
    "A task: what it is and how it is polled": "任务：身份与采集情况",
    "A task: its limits": "任务：各项限值",
    "A task: what the platform reports": "任务：平台报告的统计",
    "A task: what was seen to happen": "任务：累计发生的事",
    "A task: within a window": "任务：时间窗口内的统计",
    "An account": "账号",
    "The exporter": "exporter 自身",
    "Labels and their values": "标签及其取值",
    "Values of `status`": "`status` 的取值",
    "Values of `endpoint`": "`endpoint` 的取值",
    "Values of `reason` on `yunfu_exporter_http_refusals_total`": "`yunfu_exporter_http_refusals_total` 的 `reason` 取值",
}

_ACCEPTED: Final = {
    "a whole number from 0": "从 0 起的整数",
    "HOST:PORT, [IPv6]:PORT or :PORT": "HOST:PORT、[IPv6]:PORT 或 :PORT",
    "an http or https address": "http 或 https 地址",
    "a duration": "时长",
    "label names": "标签名",
    "a number from 0 to 1, such as 0.3 for 30%": "0 到 1 的数字，30% 写作 0.3",
    "a path": "路径",
    "N/m, N/s or a number per second": "N/m、N/s 或每秒次数",
    "a regular expression": "正则表达式",
    "text": "文本",
    "a time zone's name": "时区名",
    "a token": "token",
    "a UUID": "UUID",
    "a whole number": "整数",
    "`today`, `yesterday` or a duration from 1m": "`today`、`yesterday` 或不短于 1m 的时长",
    "a list": "列表",
    ", ": "、",
}

_SECTIONS: Final = {
    "What clients may do on the main port.": "主端口允许的操作。",
    "Which part of the tasks this exporter polls when several share them.": "多个 exporter 分担任务时，本实例负责哪一部分。",
    "What is logged, and how.": "日志的级别和格式。",
    "How often the platform is polled, and how long its answers count.": "多久向平台采集一次，数据多久算过期。",
    "Limits on labels.": "标签数量的上限。",
    "Default thresholds of the alerts.": "告警所比较的阈值的默认值。",
    "Where the links in alerts lead; passed to the alert rules by yunfu_exporter_links_info.": "告警里的链接指向哪里；通过 yunfu_exporter_links_info 传给告警规则。",
    "A platform account: its address, credentials and rate limit, and which of its tasks to poll.": "平台账号：地址、身份、调用速率，以及采集哪些任务。",
    "Which tasks are discovered.": "自动发现哪些任务。",
    "A threshold and labels for all tasks whose names match.": "给名称匹配的所有任务设置阈值和标签。",
    "A task that is polled whether or not it is discovered.": "无论是否被发现都要采集的任务。",
}

_KEYS: Final = {
    "addresses to serve on: HOST:PORT, [IPv6]:PORT or :PORT; several allowed": "监听地址：HOST:PORT、[IPv6]:PORT 或 :PORT，可以有多个",
    "a plain HTTP port with only /healthz and /readyz, for probes when the main port has TLS or passwords": "只提供 /healthz 和 /readyz 的明文端口，主端口启用 TLS 或密码时供探针使用",
    "TLS, basic auth and headers of the main port, in the format of Prometheus' exporter-toolkit": "主端口的 TLS、密码和响应头，格式同 Prometheus 的 exporter-toolkit",
    "allow reloading by POST /-/reload; false: only SIGHUP reloads": "是否允许用 POST /-/reload 重载；false：只能用 SIGHUP",
    "true: reload when the configuration file changes, as on SIGHUP": "true：配置文件变更后自动生效，等同收到 SIGHUP",
    "number of this exporter's shard, from 0; auto: taken from the pod of a StatefulSet": "本实例的分片序号，从 0 开始；auto：取自 StatefulSet 的 pod",
    "how many exporters share the tasks": "共有几个 exporter 分担任务",
    "lowest level that is logged": "记录的最低日志级别",
    "log format: logfmt or json": "日志格式：logfmt 或 json",
    "how often to poll a task that runs or whose numbers change": "外呼中或数据有变化的任务，多久采集一次",
    "how often to poll a paused, waiting or finished task": "已暂停、等待中或已完成的任务，多久采集一次",
    "timeout of one API call": "单次接口调用的超时时间",
    "remove a task's statistics from /metrics once its poll is overdue by this much": "采集逾期多久后，从 /metrics 移除该任务的统计",
    "additional time windows: today, yesterday, 15m, 1h, 24h …; a task's lifetime totals are always there": "额外的统计窗口：today、yesterday、15m、1h、24h 等；任务的累计统计始终都有",
    "time zone of the platform's times": "平台时间所用的时区",
    'maximum number of tag values per task; the rest are added up under tag="_other"': '每个任务最多保留多少个标签值，其余合并到 tag="_other"',
    "default of yunfu_task_answer_ratio_threshold, from 0 to 1": "yunfu_task_answer_ratio_threshold 的默认值，0 到 1",
    "URL of the Grafana with the dashboards, for dashboard_url in alerts": "装有仪表盘的 Grafana 的地址，用于告警的 dashboard_url",
    "URL of the runbook, for runbook_url in alerts; #alertname is appended": "告警处理手册的网址，用于告警的 runbook_url，末尾会加上 #告警名",
    "the accounts, as YAML; for a single one, YUNFU_BASE_URL, YUNFU_USER_ID and YUNFU_TOKEN or YUNFU_TOKEN_FILE will do": "账号列表（YAML）；只有一个账号时，也可用 YUNFU_BASE_URL、YUNFU_USER_ID 以及 YUNFU_TOKEN 或 YUNFU_TOKEN_FILE",
    "the value of the account label": "account 标签的值",
    "the address of the platform's API, http or https": "平台接口的地址，http 或 https",
    "the UUID of the account": "账号的 UUID",
    "file with the token; read again when it changes": "存放 token 的文件，改动后自动重新读取",
    "the token itself, instead of token_file": "token 本身，与 token_file 二选一",
    "API calls that this exporter may make with the token, for all accounts that have it: 30/m, 1/s or a number per second; "
    "not given: half of what the platform grants, 30/m until it says": (
        "本 exporter 可用该 token 调用接口的次数，由使用同一 token 的所有账号共用：30/m、1/s 或每秒次数；"
        "不填：平台允许次数的一半，平台未告知时为 30/m"
    ),
    "an SQLite file that keeps the numbers and counters of every task: a restart makes no extra API calls and no counter begins anew": (
        "SQLite 文件，保存每个任务的最新数据：重启不额外调用接口，计数器也不中断"
    ),
    "how often to read each of the additional time windows": "每个额外统计窗口的读取间隔",
    "concurrent API calls": "同时进行的接口调用数",
    "URL of an HTTP proxy, may contain user:password@; HTTP_PROXY and NO_PROXY are ignored": "HTTP 代理地址，可带 user:password@；不使用环境变量 HTTP_PROXY 和 NO_PROXY",
    "PEM file of certificates to trust instead of the system's; read again when it changes": "要信任的 PEM 证书文件，代替系统证书；文件改变后重新读取",
    "null: only the tasks listed under tasks; {}: discover with the defaults": "null：只采集下面列出的任务；{}：按默认值自动发现",
    "tasks to poll, each by its id": "要采集的任务，逐个写明 ID",
    "which generations of tasks to list, 1.0 and 2.0": "读取哪几代任务的列表接口",
    "true: include the tasks of all sub-accounts": "true：同时包含所有子账号的任务",
    "task states that are polled; tasks in other states appear only in yunfu_task_info and yunfu_task_state": "采集哪些状态的任务；其他状态的只出现在 yunfu_task_info 和 yunfu_task_state 里",
    "poll only tasks whose whole name matches this regular expression": "只采集名称完整匹配此正则的任务",
    "skip tasks whose whole name matches this regular expression": "不采集名称完整匹配此正则的任务",
    "how often to look for started tasks: how soon one is noticed": "多久查看一次有没有任务启动：新启动的任务多久被发现",
    "how often to read every task list whole": "多久把每个任务列表完整读取一次",
    "maximum number of tasks per account": "每个账号最多采集多少个任务",
    "the UUID of the task": "任务的 UUID",
    "name of the task, instead of the platform's": "任务名称，代替平台上的名称",
    "UUID of the sub-account that owns the task": "任务所属子账号的 UUID",
    "the task's own threshold of the answer rate, from 0 to 1": "该任务自己的阈值，0 到 1",
    "thresholds and labels of discovered tasks by name; all that match apply, the later prevail": (
        "按名称给自动发现的任务设置阈值和标签；匹配的规则都生效，后面的覆盖前面的"
    ),
    "a regular expression that a task's whole name must match": "正则表达式，须匹配任务的完整名称",
    "the tasks' threshold of the answer rate, from 0 to 1": "这些任务的接通率阈值，0 到 1",
    "labels to add to yunfu_task_info": "加到 yunfu_task_info 上的标签",
}

CHINESE: Final = {**_FRAME, **_ACCEPTED, **_SECTIONS, **_KEYS}
"""The Chinese of every text that is generated, by the English."""
