"""Texts of the demo: where to look, what there is, and what has been put into trouble.

A space stands between an address and a Chinese mark, which terminals would take for a part of it.
"""

from typing import Final

from exporter.words.text import Text

DEMO: Final = {
    "exporter": Text(
        "exporter            {url}/  (metrics: {url}/metrics, service discovery: {url}/sd)",
        "exporter            {url}/  （指标 {url}/metrics ，服务发现 {url}/sd ）",
    ),
    "simulator": Text(
        "simulated platform  {url}/_control/truth  (what really happens)",
        "模拟平台            {url}/_control/truth  （真实情况）",
    ),
    "program": Text("{name:<18}  {url}", "{name:<18}  {url}"),
    "no_pages": Text(
        "{name:<18}  {url}  (as JSON: the installed package has no pages)",
        "{name:<18}  {url}  （JSON；安装的软件包不带页面）",
    ),
    "not_installed": Text(
        "{name:<18}  is not installed; to install it: {install}", "{name:<18}  未安装；安装方法： {install}"
    ),
    "ended": Text("{name} has ended with status {status}: {line}", "{name} 已退出，状态码 {status}：{line}"),
    "overview": Text("/d/yunfu-overview", "/d/yunfu-overview-zh"),
    "pace": Text(
        "The rules run {pace:g} times as fast, like the simulated time. All data is gone when you stop.",
        "告警规则与模拟时间一样，按 {pace:g} 倍速运行。停止后数据全部清除。",
    ),
    "stop": Text("stop with Ctrl-C\n", "按 Ctrl-C 停止\n"),
    "tasks": Text(
        "{tasks} tasks are read every {interval:g} s; simulated time runs {speed:g} times as fast.",
        "每 {interval:g} 秒采集 {tasks} 个任务；模拟时间以 {speed:g} 倍速推进。",
    ),
    "example": Text("One of them on {url}/metrics:\n", "其中一个任务在 {url}/metrics 中的内容：\n"),
    "carrier_block": Text(
        "\n{name} has been put into trouble: the carrier blocks most of its calls (--incident carrier_block).",
        "\n已让“{name}”出现故障：大部分呼叫被运营商拦截（--incident carrier_block）。",
    ),
    "bad_list": Text(
        "\n{name} has been put into trouble: most of its numbers are dead (--incident bad_list).",
        "\n已让“{name}”出现故障：名单中大部分是空号、停机（--incident bad_list）。",
    ),
    "seen": Text("Its page, as it happens:  {page}", "该任务的页面： {page}"),
    "alert": Text("Its alert, {alert}, fires within about {seconds} s.", "约 {seconds} 秒内会触发告警 {alert}。"),
    "try": Text(
        "\nTo block its line and see the alert:\n\n{command}", "\n要模拟线路被拦截并查看告警，请运行：\n\n{command}"
    ),
    "stopped": Text("stopped", "已停止"),
}
