"""Texts of ``check --live`` and ``capture``: the table, the facts, and the verdict with what to try."""

from typing import Final

from exporter.words.text import Text

REPORT: Final = {
    "account": Text("account {account}: first contact with {base}", "账号 {account}：首次连接 {base}"),
    "head.call": Text("API call", "接口"),
    "head.answer": Text("answer", "应答"),
    "head.time": Text("time", "耗时"),
    "head.tasks": Text("tasks", "任务数"),
    "head.found": Text("documented fields", "文档字段"),
    "head.absent": Text("absent", "缺少"),
    "head.unreadable": Text("unreadable", "无法识别"),
    "head.unknown": Text("unknown", "未知"),
    "time": Text("{ms} ms", "{ms} 毫秒"),
    "found": Text("{found} of {of}", "{found}/{of}"),
    "fields.found": Text("{call}: found: {names}", "{call}：找到 {names}"),
    "fields.absent": Text("{call}: absent: {names}", "{call}：缺少 {names}"),
    "fields.unreadable": Text("{call}: unreadable: {names}", "{call}：无法识别 {names}"),
    "fields.unknown": Text("{call}: unknown: {names}", "{call}：未知字段 {names}"),
    "fact.task": Text("task asked for", "所查任务"),
    "fact.clock": Text("platform's clock", "平台时钟"),
    "fact.quota": Text("rate limit", "限流"),
    "fact.token": Text("token", "token"),
    "fact.numbers": Text("its numbers", "任务数据"),
    "numbers": Text(
        "answered {answered}, not answered {unanswered}: compare them with the console",
        "已接通 {answered}，未接通 {unanswered}：请与控制台核对",
    ),
    "clock.same": Text("the same as ours, to the second", "与本机一致（误差在 1 秒左右）"),
    "clock.ahead": Text("{seconds} s ahead of ours", "比本机快 {seconds} 秒"),
    "clock.behind": Text("{seconds} s behind ours", "比本机慢 {seconds} 秒"),
    "clock.unknown": Text("not known: the answers have no Date header", "未知：应答中没有 Date 头"),
    "quota": Text(
        "X-RateLimit-Limit {granted}, X-RateLimit-Remaining {remaining}",
        "X-RateLimit-Limit {granted}，X-RateLimit-Remaining {remaining}",
    ),
    "quota.unknown": Text(
        "no X-RateLimit headers; the documented 60 API calls per minute are assumed",
        "应答中没有 X-RateLimit 头，按文档所写每分钟 60 次计算",
    ),
    "token.expires": Text("expires {when} UTC (in {days} d)", "UTC {when} 过期（还有 {days} 天）"),
    "token.expired": Text("expired {when} UTC", "已于 UTC {when} 过期"),
    "token.opaque": Text("is no JWT, so its expiry is not known", "不是 JWT，有效期未知"),
    "also": Text("also: {sentence}", "另外：{sentence}"),
    "verdict": Text("verdict: {sentence}", "结论：{sentence}"),
}

STATUS: Final = {
    "status.http": Text("HTTP {status}", "HTTP {status}"),
    "status.code": Text("HTTP {status} with code {code}", "HTTP {status}，code 为 {code}"),
    "status.said": Text('{status} saying "{said}"', "{status}，提示“{said}”"),
    "status.none": Text("no answer", "无应答"),
}
"""How an API call was answered."""

WHY: Final = {
    "why.timeout": Text("{text}", "未在时限内收到完整应答（{text}）"),
    "why.tls": Text("{text}", "TLS 连接失败（{text}）"),
    "why.connect": Text("{text}", "连接失败（{text}）"),
    "why.malformed": Text("{text}", "应答格式不对（{text}）"),
    "why.other": Text("{text}", "请求失败（{text}）"),
}
"""Why an API call failed: the log's words for it, with Chinese before them."""

VERDICTS: Final = {
    "good": Text(
        "The platform answers as documented: token, user_id and lists are accepted, and all {of} documented fields of the "
        "statistics were found.",
        "平台的应答与文档一致：token、user_id 和任务列表均可用，统计数据的 {of} 个文档字段全部找到。",
    ),
    "older": Text(
        "The platform answers as documented, in the older edition, which has no tags: the tag metrics stay empty, and all the "
        "others work.",
        "平台的应答与文档一致，但属于没有标签的旧版：标签指标会是空的，其余指标正常。",
    ),
    "partial": Text(
        "The platform answers, but of the documented fields {names} cannot be had, so metrics made of them stay empty: "
        "please report the file that `yunfu-exporter capture` writes.",
        "平台有应答，但文档字段 {names} 缺少或无法识别，相应的指标会是空的：请提交 `yunfu-exporter capture` 写出的文件。",
    ),
    "contradictory": Text(
        "The status of some tasks was read, but contradicts their enable and call_status: the status prevails, so compare "
        "yunfu_task_state with the console.",
        "部分任务的 status 已读取，但与 enable、call_status 不一致：以 status 为准，请将 yunfu_task_state 与控制台核对。",
    ),
    "no_number": Text(
        "The platform answers, but {path} has none of the documented numbers, so nothing can be measured: please report the file "
        "that `yunfu-exporter capture` writes.",
        "平台有应答，但 {path} 中没有任何文档所列的数字，无法采集：请提交 `yunfu-exporter capture` 写出的文件。",
    ),
    "empty_stat": Text(
        "The platform answers, but the task has no statistics yet ({path} is empty), so it is not known whether they can be "
        "read: check again when a task is running.",
        "平台有应答，但所查任务还没有统计数据（{path} 为空），尚不知能否识别：请在有任务外呼时再检查一次。",
    ),
    "no_id": Text(
        "The platform accepts token and user_id, but in the entries of its task list {lists} no id (uuid) can be read, so their "
        "statistics cannot be asked for: please report the file that `yunfu-exporter capture` writes.",
        "平台接受 token 和 user_id，但任务列表 {lists} 的条目中读不出 ID（uuid），无法查询这些任务的统计数据："
        "请反馈 `yunfu-exporter capture` 生成的文件。",
    ),
    "no_task": Text(
        "The platform accepts token and user_id, but lists no task, so it is not known whether statistics can be read: check "
        "that {user_id} is the account that has the tasks, set discovery.sub_accounts if its sub-accounts have them, or create one.",
        "平台接受 token 和 user_id，但没有列出任何任务，尚不知能否读取统计数据：请确认任务属于账号 {user_id}；"
        "若任务在子账号下，请设置 discovery.sub_accounts；或先新建一个任务。",
    ),
}
"""Verdicts where no API call failed that matters."""

LIVE_FAILURES: Final = {
    "token_refused": Text(
        "The platform refuses the token ({status} for {path}): copy it from the console once more, whole and nothing else, and "
        "check that it was made on {base}; making a newer token may have ended this one.",
        "平台拒绝了 token（{path} 返回 {status}）：请从控制台重新完整复制，并确认它是在 {base} 上生成的；重新生成 token 可能会让旧的失效。",
    ),
    "token_expired": Text(
        "The token expired on {when} UTC, and the platform refuses it ({status} for {path}): make a new one in the console and "
        "put it in its place.",
        "token 已于 UTC {when} 过期，平台拒绝了它（{path} 返回 {status}）：请在控制台重新生成并替换。",
    ),
    "user_id_refused": Text(
        "The platform accepts the token, but not the user_id {user_id} ({status} for {path}): check the account's id with the "
        "platform's operator, and that the token was made by the partner whom the account belongs to.",
        "平台接受 token，但不接受 user_id {user_id}（{path} 返回 {status}）：请向平台运营方确认账号 ID，并确认 token 是该账号所属的合作方生成的。",
    ),
    "path_too_much": Text(
        "There is no API at {path} ({status}): base_url has the path {extra}, and the exporter adds /agent-api by itself; try "
        "base_url: {try_url}",
        "{path} 处没有接口（返回 {status}）：base_url 带有路径 {extra}，而 exporter 会自行加上 /agent-api；请改为 base_url: {try_url}",
    ),
    "no_api": Text(
        "There is no API at {path} ({status}, and not in the platform's format): {base} leads to something else; ask the platform's "
        "operator for the address whose path /agent-api is the API.",
        "{path} 处没有接口（返回 {status}，且不是平台接口的格式）：{base} 不是接口地址；请向平台运营方询问 /agent-api 所在的地址。",
    ),
    "web_page": Text(
        "A web page came from {path} ({status}) instead of an answer of the API: {base} leads to a console, a login page or another product; ask the "
        "platform's operator for the address of the API.",
        "{path} 返回的是网页（{status}），不是接口应答：{base} 指向控制台、登录页或其他产品；请向平台运营方询问接口地址。",
    ),
    "other_json": Text(
        "JSON came from {path} ({status}), but not the platform's, since it has no code: {base} leads to another product; ask the "
        "platform's operator for the address of the API.",
        "{path} 返回了 JSON（{status}），但没有 code，不是本平台的接口：{base} 指向其他产品；请向平台运营方询问接口地址。",
    ),
    "not_json": Text(
        "What came from {path} ({status}) is no answer of the API ({why}): check base_url {base}, and the proxies in between.",
        "{path} 的应答（{status}）不是接口格式（{why}）：请检查 base_url {base} 以及中间的代理。",
    ),
    "not_documented": Text(
        "{path} was answered ({status}), but not as documented ({why}): please report the file that `yunfu-exporter capture` writes.",
        "{path} 有应答（{status}），但与文档不符（{why}）：请提交 `yunfu-exporter capture` 写出的文件。",
    ),
    "wants_https": Text(
        "{base} wants https ({status} for {path}): try base_url: {try_url}",
        "{base} 要求使用 https（{path} 返回 {status}）：请改为 base_url: {try_url}",
    ),
    "redirect": Text(
        "{base} redirects to another address ({status} for {path}), perhaps a login page: use the address of the API itself, not "
        "the console's.",
        "{base} 跳转到了其他地址（{path} 返回 {status}），可能是登录页：请使用接口本身的地址，而不是控制台的地址。",
    ),
    "wants_http": Text(
        "No answer to {path}: {why}; if the platform is served without TLS there, as on some intranets, try base_url: {try_url}, otherwise "
        "check address, port, proxy and firewall.",
        "{path} 没有应答：{why}；若平台在那里不使用 TLS（内网部署常见），请改为 base_url: {try_url}，否则请检查地址、端口、代理和防火墙。",
    ),
    "certificate": Text(
        "No answer to {path}: {why}; check the host's name in base_url, or name the file of the certificate authority in ca_file.",
        "{path} 没有应答：{why}；请检查 base_url 中的主机名，或在 ca_file 中指定 CA 证书文件。",
    ),
    "wants_https_perhaps": Text(
        "No answer to {path}: {why}; if the platform speaks https there, try base_url: {try_url}, otherwise check address, port, proxy "
        "and firewall.",
        "{path} 没有应答：{why}；若平台在那里使用 https，请改为 base_url: {try_url}，否则请检查地址、端口、代理和防火墙。",
    ),
    "unreachable": Text(
        "No answer to {path}: {why}; check address, port, proxy and firewall.",
        "{path} 没有应答：{why}；请检查地址、端口、代理和防火墙。",
    ),
    "timeout": Text(
        "No answer to {path}: {why}; check address, port and firewall, or raise poll.timeout if the platform is slow.",
        "{path} 没有应答：{why}；请检查地址、端口和防火墙；若平台本身较慢，请调高 poll.timeout。",
    ),
    "throttled": Text(
        "The platform says that there were too many API calls ({status} for {path}): wait a minute, and find out which other "
        "programs use the token.",
        "平台提示请求过多（{path} 返回 {status}）：请等一分钟再试，并查明还有哪些程序在使用此 token。",
    ),
    "platform_error": Text(
        "The platform has an internal error ({status} for {path}): try again later, and ask the platform's operator if it stays.",
        "平台内部故障（{path} 返回 {status}）：请稍后再试；若持续出现，请联系平台运营方。",
    ),
    "list_lacking": Text(
        "The platform does not give the list {call} ({status} for {path}): leave {generation} out of discovery.generations.",
        "平台不提供 {call}（{path} 返回 {status}）：请从 discovery.generations 中去掉 {generation}。",
    ),
    "sub_list_lacking": Text(
        "The platform does not give the list {call} ({status} for {path}): set discovery.sub_accounts: false, or ask the platform's operator.",
        "平台不提供 {call}（{path} 返回 {status}）：请设置 discovery.sub_accounts: false，或联系平台运营方。",
    ),
    "stat_refused": Text(
        "The statistics of task {task} cannot be read ({status} for {path}): check user_id and the task's id, and "
        "its sub_user_id if a sub-account owns it.",
        "无法读取任务 {task} 的统计数据（{path} 返回 {status}）：请检查 user_id 和任务 ID；若任务属于子账号，还要检查 sub_user_id。",
    ),
    "refused": Text(
        "The platform refuses {path} ({status}): check base_url and user_id, and ask the platform's operator.",
        "平台拒绝了 {path}（返回 {status}）：请检查 base_url 和 user_id，或联系平台运营方。",
    ),
    "refused_said": Text(
        "The platform says: “{said}” ({answer} for {path}). Do what that asks for first; if it does not say why, check "
        "base_url and user_id, and ask the platform's operator.",
        "平台提示：“{said}”（{path} 返回 {answer}）。请先按该提示处理；若提示未说明原因，请检查 base_url 和 user_id，或联系平台运营方。",
    ),
    "refused_alone": Text(
        "The platform refuses {path} ({status}), while other calls work: try again later, and if it stays, report the file that "
        "`yunfu-exporter capture` writes.",
        "平台拒绝了 {path}（返回 {status}），其他接口正常：请稍后再试；若持续出现，请提交 `yunfu-exporter capture` 写出的文件。",
    ),
}
"""Why a live API call failed, and what to try."""

CAPTURE: Final = {
    "written": Text(
        "{file} has {calls} API calls, {answered} of them answered. Names, ids and texts are replaced; token, host and user_id are not in it; "
        "numbers are {numbers}.",
        "{file} 中有 {calls} 次接口调用，{answered} 次有应答。名称、ID 和文本均已替换，不含 token、主机名和 user_id；数字{numbers}。",
    ),
    "numbers.kept": Text("kept (--blank-numbers replaces them)", "予以保留（可用 --blank-numbers 替换）"),
    "numbers.blank": Text("replaced by 0", "均替换为 0"),
    "keys": Text(
        "These keys of the answers are not known as names of fields, so they are replaced too. If they are no data of people, name them in your "
        "report:",
        "应答中的以下键不是已知的字段名，因此也已替换。若它们不涉及个人信息，请在反馈中注明原名：",
    ),
    "key": Text("  {made} was {key}", "  {made} 原为 {key}"),
    "read": Text(
        "Please read the file before you send it; only you can see it now.",
        "发送前请通读文件；目前只有你能读取它。",
    ),
}

CONTACT: Final[dict[str, Text]] = {
    **{f"report.{key}": text for key, text in REPORT.items()},
    **STATUS,
    **WHY,
    **{f"verdict.{key}": text for key, text in VERDICTS.items()},
    **{f"failure.{key}": text for key, text in LIVE_FAILURES.items()},
    **{f"capture.{key}": text for key, text in CAPTURE.items()},
}
"""All of these texts by key."""
