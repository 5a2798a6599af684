"""The vocabulary that a capture keeps: words of field names, and texts of the vendor's documentation. All else is replaced.

The names and texts are those of the vendor's public documentation; beside them stand words that field names of such
platforms are made of, so that a field nobody has documented yet is seen by its name.
"""

from __future__ import annotations

import re
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
    bianma chongzhi dengji feiyong haoma jine jifei keyong leixing mingcheng qianfei renwu shengyu shijian shouji shuliang
    taocan xianlu xiaofei yue zhanghao zhanghu zhuangtai zonge
    """.split()  # noqa: SIM905  # a word list is read as text
)

_DOCUMENTED_NAMES: Final = frozenset(
    {"noAnswer", "callCompletetRate", "taskProgress", "customermoney", "customeraccount", "loginname", "calldate",
     "answerdate", "callid", "hangupdate", "callerline"}
)  # fmt: skip

_NAME: Final = re.compile(r"_?[A-Za-z]+(_[A-Za-z]+)*\d{0,2}", re.ASCII)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)
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

MEANINGS: Final = frozenset(
    {"code", "status", "intention_results", "enable", "call_status", "start", "is_call_in", "task_type", "has_pages",
     "last_page", "current_page", "per_page"}
)  # fmt: skip
"""Documented fields with numbers that mean something, such as a state or a page: they stay where numbers are blanked."""


def is_field_name(key: str) -> bool:
    """Return whether a key of an object is the name of a field, and not data."""
    if _POSITION.fullmatch(key) or key in _DOCUMENTED_NAMES:
        return True
    return bool(_NAME.fullmatch(key)) and all(word.lower() in _FIELD_WORDS for word in _WORD.findall(key))
