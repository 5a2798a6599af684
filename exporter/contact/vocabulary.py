"""The vocabulary that a capture keeps: names of fields, and texts of the vendor's documentation. All else is replaced.

The names and texts are those of the vendor's public documentation; beside them stand words that field names of such
platforms are made of, so that a field nobody has documented yet is seen by its name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final

_FIELD_WORDS: Final = frozenset(
    """
    ability able accept accepted account accounts action active actual add added address admin after agent ai alarm alert
    alerts all allocation allow alter amount amounts annual answer answered api app application approval archive area arrears
    assigned assignment at attempt auth auto available average avg back background balance bar batch before begin belong bill
    billing bind blacklist block blocked bonus bot bridge busy buy by call callback called caller calling callin callout
    calls campaign can cancel capacity card cash category cdr center charge charged charges child children cid city class cli
    client close closed cloud code cold color column comment company complete completed completet completion concurrency
    concurrent config configuration confirm connect connected connection consume consumed consumption contact content contract
    cost costs count counts country cps create created creator credit ctime currency current custom customer customers
    cycle da daily data database date datetime day days deadline debt debug decimal deduct default delay delete deleted
    department deposit desc description destination detail details device dial dialed dialing dialplan dimension direction
    disable disabled discount display district done down duration edit effect effective elasticity email enable enabled
    end ended ending endpoint enterprise enum error errors event exceed exception expense expire expired expires expiry
    extension extensions extra extras fail failed failure fee fees field fields file fill filter final finish finished first
    flag flow forbidden format free freeze freezed frequency from frozen function gateway gender given global grade
    grant granted group groups guid hang hangup has hash head height history hold holiday holidays hour hourly hours icon
    id ids idle image import in inbound income index industry info information init inner input intention intentions
    interrupt interval intro invalid invoice ip is item items job key keyword kind label labels lang language last latest
    length level levels limit limited line lines link list llm load local locale location lock locked login logo long loop
    low lower main manager master max maximum maximumcall memo md message messages meta min minimum minute minutes mobile mode model modify
    money month monthly months more msg multiple my name names need new next nick nickname no node normal not note
    notice notify num number numbers object of off offline ok old on online open operator option options order orders
    organization origin original originate origination originator other out outbound over overdraft overdue owe own owner package
    page pages paid paper parent part partner password path pause paused pay payment paymoney per percent percentage
    period permission phase phone pick plan platform pool port position post postpaid prefix prepaid presented price
    prices priority private process product profile progress project property province public push qr quality quantity
    queue quota random range rate rates ratio real reason recall receive recharge record recording records recycle
    redial ref refund region register reject rejected rel release remain remainder remaining remark rent request
    require reserve reserved reset residual residue resource resources response rest result results retry return
    ring robot role room round rounds route rule rules run running sale sales same say scene schedule scope score
    script seat seats second seconds section select self send sent serial server service session set setting settings
    sex share short show sign single sip site size skill skip sms sort source space speech speed spend spent staff
    standard start state static statistics stats status step stock stop str string sub subject subset subtotal success
    sum supplier support surplus suspend switch sys system table tag tags talk target task tasks tax team tel telephone
    template tenant test text threshold ticket time timeout times timestamp timezone title to today token top total
    totals transfer trial trunk try type types unit unlimited unread unused up update updated upper url usable usage
    use used user username users uuid valid validity value values vendor version vip voice vos wait waiting wallet
    warn warning wday week weekday weight white whitelist width withdraw work workday yesterday year yearly zone
    """.split()  # noqa: SIM905  # a word list is read as text
)

_PINYIN: Final = frozenset(
    """
    bianma chongzhi dengji feiyong haoma jine jifei keyong leixing mingcheng qianfei renwu shengyu shijian shouji shuliang
    taocan xianlu xiaofei yue zhanghao zhanghu zhuangtai zonge
    """.split()  # noqa: SIM905
)

_DOCUMENTED_NAMES: Final = frozenset(
    """
    agent_cost all_task alter_datetime answer_rate answerdate api_customer_to_task auto_recycle_rule_id available_at available_time
    background_id begin_at begin_time belong_user bind_type_str bridge_group_id callCompletetRate call_info call_line call_number
    call_number_prefix call_pause_second call_per_second call_status calldate caller_line_id caller_line_ids caller_line_list
    caller_line_name caller_number callerline callid create_datetime created_at current_page customer_id customeraccount
    customermoney da_status deadline_at description_server destination_extension destination_extension_name destination_prefix
    dial_string dial_time_group dial_time_id elasticity_task elasticity_type end_action end_time extension_id gateway_id hangupdate
    has_pages intention_results is_call_in is_default last_page level_id level_name limit_money line_allocation line_concurrency
    line_id llm_intention_id llm_intention_tag llm_intention_tag_id llm_tags loginname master_user_id md5 new_task_extra noAnswer
    number_count number_data number_status _originate_timeout origination_caller_id_number per_page qr_code random_assignment_number
    recycle_limit robot_cli_node_id skip_holiday start_time status_str stop_time sub_user_id subset_task tag_id taskProgress
    task_dial_times task_extras task_id task_ids task_type tenant_id type_note type_text unique_id updated_at user_id user_ids
    vos_account_id work_hour work_week
    """.split()  # noqa: SIM905
)

_COMPOSABLE: Final = _FIELD_WORDS - {"bill", "can", "grant", "lang", "long"} | {
    "expires",
    "trace",
    "until",
}
"""Words of which names of fields are put together. Those that are also names of people are not among them."""

_COMPOSED: Final = re.compile(r"_?[a-z]+(_[a-z]+)+\d{0,2}|[a-z]+([A-Z][a-z]+)+", re.ASCII)
"""Names of two words or more, such as ``call_duration`` and ``callDuration``."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+", re.ASCII)

_NAMES: Final = _FIELD_WORDS | _PINYIN | _DOCUMENTED_NAMES

_POSITION: Final = re.compile(r"\d{1,3}|\d{1,3}~\d{1,3}|>\d{1,3}", re.ASCII)
"""The place in a list that PHP writes as an object, or a number of conversation rounds."""

TEXTS: Final = frozenset(
    {
        "success", "error", "failed", "fail", "ok", "OK", "Success",
        "获取外呼任务数据统计成功", "请先暂停任务", "2.0任务启动中", "系统繁忙", "余额不足", "无权访问", "请求失败", "未登录",
        "任务不存在", "用户不存在", "请求过多", "Unauthenticated.", "Unauthorized", "Forbidden", "Not Found", "Server Error",
        "Too Many Attempts.", "This action is unauthorized.",
        "等待呼叫", "呼叫成功", "运营商拦截", "拒接", "无应答、无人接听", "空号", "关机", "停机", "占线、用户正忙", "呼入限制", "欠费",
        "黑名单", "用户屏蔽", "无应答", "无人接听", "占线", "用户正忙", "code_N",
        "A级(有明确意向)", "B级(可能有意向)", "C级(明确拒绝)", "D级(用户在忙)", "E级(其他)",
        "执行中", "等待执行", "已暂停", "暂停", "充值", "true", "false",
    }
)  # fmt: skip
"""Values that say nothing about anybody: the platform's own words, and its stock messages."""

TIMES: Final = frozenset({"create_datetime", "alter_datetime", "created_at", "updated_at"})
"""Documented fields with the time at which a thing was made or changed."""

COUNTS: Final = frozenset(
    {"answered", "noAnswer", "callCompletetRate", "taskProgress", "total", "percent", "count", "maximumcall",
     "call_per_second", "number_count", "limit", "cps"}
)  # fmt: skip
"""Documented fields with numbers that are measured."""

_STATUSES: Final = frozenset(HTTPStatus)

CODES: Final[Mapping[str, Collection[int]]] = {
    "code": _STATUSES | {6007},
    "status": _STATUSES | {*range(13)},
    "intention_results": range(1, 7),
    "enable": range(2),
    "call_status": range(2),
    "start": range(2),
    "is_call_in": range(2),
    "task_type": range(1, 8),
}
"""Documented fields with numbers that stand for something, and the known ones, which stay where numbers are blanked."""

PAGES: Final = frozenset({"has_pages", "last_page", "current_page", "per_page"})
"""Documented fields that number pages: they stay where numbers are blanked."""


def is_field_name(key: str) -> bool:
    """Return whether a key of an object is the name of a field, and not data.

    One that nobody has documented is recognized by its words: a platform that names its fields differently is understood by
    nothing else than their names.
    """
    if _POSITION.fullmatch(key) or key in _NAMES:
        return True
    return bool(_COMPOSED.fullmatch(key)) and all(word.lower() in _COMPOSABLE for word in _WORD.findall(key))
