"""Explanations of failed API calls, by reason: what happened and what to do."""

from typing import Final

from exporter.words.text import Text

FAILURES: Final = {
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
    "reason.http_401_task": Text(
        "The platform does not accept the token for this task, but for others. Check whom the task belongs to, and its sub_user_id.",
        "平台不接受用此 token 访问这个任务，其他任务正常。请检查任务属于谁，以及它的 sub_user_id。",
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
        "The platform answered, but refused the call. If its message does not say why, the platform's own log of calls does.",
        "平台已应答，但拒绝了请求。若平台的提示没有说明原因，请查看平台侧的调用日志。",
    ),
    "reason.malformed": Text(
        "The answer is not the platform's API. Does base_url lead to it, or is a proxy or a login page in between?",
        "应答不是平台接口的格式。请确认 base_url 指向平台接口，且中间没有代理或登录页。",
    ),
    "reason.unknown_format": Text(
        "The platform answers, but with none of the parts that its documentation lists. Check base_url; "
        "look for a newer version of the exporter, or report what came instead.",
        "平台有应答，但不含文档所列的任何内容。请检查 base_url；升级 exporter，或反馈实际收到的内容。",
    ),
    "reason.list_http_401": Text(
        "The platform does not accept the token for this task list. Check user_id, or ask the platform's operator.",
        "平台不接受用此 token 读取这个任务列表。请检查 user_id，或联系平台运营方。",
    ),
    "reason.list_http_403": Text(
        "The account may not read this task list. Check user_id, and discovery.sub_accounts.",
        "该账号无权读取这个任务列表。请检查 user_id 和 discovery.sub_accounts。",
    ),
    "reason.list_http_404": Text(
        "The platform has no such task list. Check discovery.generations, user_id and base_url.",
        "平台上没有这个任务列表。请检查 discovery.generations、user_id 和 base_url。",
    ),
    "reason.list_unknown_format": Text(
        "Entries came in this task list, but their ids (uuid) cannot be read. Look for a newer version of the exporter, "
        "or report the file that `yunfu-exporter capture` writes.",
        "这个任务列表有条目，但读不出它们的 ID（uuid）。请升级 exporter，或反馈 `yunfu-exporter capture` 生成的文件。",
    ),
    "reason.account_http_403": Text(
        "The platform refuses every call of the account. Check user_id, and ask the platform's operator what the account may do.",
        "平台拒绝该账号的所有请求。请检查 user_id，并向平台运营方确认账号的权限。",
    ),
    "reason.account_http_404": Text(
        "The platform knows none of the account's tasks and lists. Check base_url and user_id.",
        "平台上没有该账号的任何任务和列表。请检查 base_url 和 user_id。",
    ),
    "reason.said": Text("{why} The platform says: “{said}”", "{why}平台提示：“{said}”"),
    "reason.other": Text("The last poll failed; the log says more.", "上次采集失败，详见日志。"),
}

CLAUSES: Final = {
    "clause.timeout": Text("the platform does not answer in time", "平台未在时限内应答"),
    "clause.connect": Text("the platform cannot be reached", "无法连接平台"),
    "clause.tls": Text("TLS with the platform fails", "与平台的 TLS 连接失败"),
    "clause.http_401": Text("the platform does not accept the token", "平台不接受这个 token"),
    "clause.http_404": Text("the platform knows no such task", "平台上没有此任务"),
    "clause.http": Text("the platform answers HTTP {status}", "平台返回 HTTP {status}"),
    "clause.throttled": Text("the platform says there are too many calls", "平台提示请求过多"),
    "clause.api_error": Text("the platform refuses the call", "平台拒绝了请求"),
    "clause.malformed": Text("the answer is not the platform's", "应答不是平台接口的格式"),
    "clause.unknown_format": Text("the answer has none of the documented parts", "应答不含文档所列的任何内容"),
    "clause.said": Text("{why} (“{said}”)", "{why}（“{said}”）"),
    "clause.other": Text("the log says why", "原因见日志"),
}
"""Why a poll failed, in a few words, by reason; other HTTP statuses have ``clause.http``."""
