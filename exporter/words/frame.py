"""Texts that all pages share: units, links, the line of times."""

from typing import Final

from exporter.words.text import Text

UNITS: Final = {
    "ms": Text("{n} ms", "{n} 毫秒"),
    "s": Text("{n} s", "{n} 秒"),
    "min": Text("{n} min", "{n} 分钟"),
    "h": Text("{n} h", "{n} 小时"),
    "d": Text("{n} {n:day|days}", "{n} 天"),
}

FRAME: Final = {
    "ago": Text("{span} ago", "{span}前"),
    "ahead": Text("in {span}", "{span}后"),
    "skip": Text("Skip to the content", "跳到正文"),
    "language": Text("Language", "语言"),
    "links": Text("Other paths", "其他路径"),
    "home": Text("Overview", "总览"),
    "trail": Text("You are here", "当前位置"),
    "as_of": Text("As of {time}", "截至 {time}"),
    "pause": Text("Pause", "暂停刷新"),
    "resume": Text("Resume", "恢复刷新"),
    "offline": Text(
        "The exporter does not answer; what you see is as of {time}. Trying again.",
        "exporter 没有响应；以下内容截至 {time}，正在重试。",
    ),
    "by_hand": Text("Reload the page to see newer numbers.", "要看最新数据，请重新加载页面。"),
    "times_in": Text("Times are in {zone} ({offset}).", "时间均为 {zone} 时区（{offset}）。"),
    "none": Text("–", "–"),
    "and": Text("; ", "；"),
    "stop": Text(".", "。"),
}
