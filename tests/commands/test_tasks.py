"""The command tasks as users type it."""

from __future__ import annotations

import json

import pytest

from exporter.demo.simulator import Fault
from tests.support.commands import Command
from tests.support.programs import (
    Platform,
    run_program,
)


def test_tasks_are_a_table_for_people_and_json_for_machines(platform: Platform, command: Command) -> None:
    """Both list every task with its id, name, state and account."""
    table, machine = command("tasks"), command("tasks", "--json")
    assert (table.status, machine.status, table.err, machine.err) == (0, 0, "", "")
    rows = json.loads(machine.out)
    assert {row["id"] for row in rows} == set(platform.simulator.accounts[0].tasks)
    assert all(row["account"] == "default" and row["name"] for row in rows)
    header, *lines = table.out.splitlines()
    assert header.split()[:4] == ["id", "name", "state", "account"]
    assert [line.split()[0] for line in lines] == [row["id"] for row in rows]


def test_the_table_is_in_the_terminals_language(command: Command) -> None:
    """Columns and states are Chinese where the locale is; the JSON is the same everywhere."""
    machine, table = command("tasks", "--json"), command("tasks", LC_ALL="zh_CN.UTF-8")
    header, *lines = table.out.splitlines()
    assert header.split() == ["ID", "名称", "状态", "账号", "阈值", "标签", "规则", "不采集的原因"]
    assert all(any(state in line for state in ("外呼中", "等待中", "已暂停")) for line in lines)
    assert command("tasks", "--json", LC_ALL="zh_CN.UTF-8").out == machine.out


def test_the_table_says_why_a_task_is_not_polled(
    platform: Platform, env: dict[str, str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the terminal's language, with the setting's key; machines read the same everywhere."""
    for task, name in zip(
        platform.simulator.accounts[0].tasks.values(), ["in", "out", "in", "not in", "in"], strict=True
    ):
        monkeypatch.setattr(task, "name", name)
    discovery = {"include": ".*in", "exclude": "not.*", "max_tasks": 1, "states": ["running"]}
    accounts = with_account(env, discovery=discovery)
    english, chinese = (
        command("tasks", YUNFU_ACCOUNTS=accounts, LC_ALL=f"{locale}.UTF-8") for locale in ("C", "zh_CN")
    )
    for done, include, exclude, most in (
        (
            english,
            "its name does not match discovery.include",
            "its name matches discovery.exclude",
            "over discovery.max_tasks",
        ),
        (chinese, "名称不匹配 discovery.include", "名称匹配 discovery.exclude", "超出 discovery.max_tasks"),
    ):
        assert [done.out.count(f"  {reason}\n") for reason in (include, exclude, most)] == [1, 1, 2]


def with_account(env: dict[str, str], **more: object) -> str:
    """Return the variable with the account, with these settings too."""
    return json.dumps([{**json.loads(env["YUNFU_ACCOUNTS"])[0], **more}])


def test_each_task_has_its_threshold_labels_and_rules(
    platform: Platform, env: dict[str, str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules that match a task's name are shown in their order by their patterns, with what comes of them and of its entry."""
    first, second, *_ = platform.simulator.accounts[0].tasks.values()
    monkeypatch.setattr(first, "name", "挽留 VIP")
    monkeypatch.setattr(second, "name", "挽留")
    rules = [
        {"match": ".*挽留.*", "min_answer_ratio": 0.3, "labels": {"team": "retention", "city": "苏州"}},
        {"match": ".*VIP", "min_answer_ratio": 0.5, "labels": {"team": "vip"}},
        {"match": "催收", "min_answer_ratio": 0.1},
    ]
    tasks = [{"id": second.id, "min_answer_ratio": 0.123456}]
    accounts = with_account(env, rules=rules, tasks=tasks)
    machine, table = command("tasks", "--json", YUNFU_ACCOUNTS=accounts), command("tasks", YUNFU_ACCOUNTS=accounts)
    rows = {row["id"]: row for row in json.loads(machine.out)}
    keys = ("min_answer_ratio", "labels", "rules")
    assert [rows[first.id][key] for key in keys] == [0.5, {"team": "vip", "city": "苏州"}, [".*挽留.*", ".*VIP"]]
    assert [rows[second.id][key] for key in keys] == [0.123456, {"team": "retention", "city": "苏州"}, [".*挽留.*"]]
    assert [rows[key]["rules"] for key in rows.keys() - {first.id, second.id}] == [[]] * (len(rows) - 2)
    lines = {line.split()[0]: line.split("default")[1].split() for line in table.out.splitlines()[1:]}
    assert lines[first.id][:4] == ["0.5", "city=苏州,team=vip", ".*挽留.*", ".*VIP"]
    assert lines[second.id][:3] == ["0.1235", "city=苏州,team=retention", ".*挽留.*"]


def test_a_rule_that_matches_no_task_is_told(
    platform: Platform, env: dict[str, str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a hint beside the table, and no failure; of names that are not all known nothing is said."""
    rules = [{"match": match, "min_answer_ratio": 0.3} for match in (".*", ".*挽流.*")]
    accounts = with_account(env, rules=rules)
    chinese = command("tasks", YUNFU_ACCOUNTS=accounts, LC_ALL="zh_CN.UTF-8")
    assert chinese.err == "yunfu-exporter: 账号 default：rules[1] 不匹配任何任务的名称：.*挽流.*\n"
    for words in (["tasks"], ["tasks", "--json"]):
        done = command(*words, YUNFU_ACCOUNTS=accounts, LC_ALL="C.UTF-8")
        assert (done.status, done.err) == (
            0,
            "yunfu-exporter: account default: rules[1] matches no task's name: .*挽流.*\n",
        )
    platform.simulator.faults.append(Fault(kind="status", status=500, endpoint="tasks"))
    assert "rules[1]" not in command("tasks", YUNFU_ACCOUNTS=accounts).err
    platform.simulator.faults.clear()
    monkeypatch.setattr(platform.simulator.accounts[0], "tasks", {})
    none = command("tasks", YUNFU_ACCOUNTS=accounts)
    assert (none.status, none.out, none.err) == (0, "no tasks\n", "")


@pytest.mark.parametrize(("locale", "text"), [("C.UTF-8", "no tasks\n"), ("zh_CN.UTF-8", "没有任务\n")])
def test_no_tasks_are_a_line(
    platform: Platform, command: Command, monkeypatch: pytest.MonkeyPatch, locale: str, text: str
) -> None:
    """An account without tasks is said to have none."""
    monkeypatch.setattr(platform.simulator.accounts[0], "tasks", {})
    assert command("tasks", LC_ALL=locale).out == text


def test_no_name_steers_the_terminal(platform: Platform, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters in a task's name are question marks in the table, and stay in the JSON."""
    task = next(iter(platform.simulator.accounts[0].tasks.values()))
    monkeypatch.setattr(task, "name", "\x1b[31m红\x07\u202e\n色\x9b")
    table, machine = command("tasks"), command("tasks", "--json")
    assert "?[31m红?? 色?" in table.out
    assert all(character.isprintable() or character == "\n" for character in table.out)
    assert task.name in {row["name"] for row in json.loads(machine.out)}


def test_tasks_tells_a_discovery_that_failed(env: dict[str, str], command: Command) -> None:
    """What cannot be listed is status 1 and one line; it does not claim that there are no tasks."""
    for words in (["tasks"], ["tasks", "--json"]):
        done = command(
            *words,
            YUNFU_ACCOUNTS=with_account(env, base_url="http://127.0.0.1:9"),
        )
        assert done.status == 1
        assert "no tasks" not in done.out
        assert done.err.startswith("yunfu-exporter: account default: discovery failed: connect: ")
        assert done.err.count("\n") == 1


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize("endpoint", ["tasks", "new_tasks"])
def test_a_list_that_fails_leaves_the_tasks_of_the_other(
    platform: Platform, command: Command, endpoint: str, status: int
) -> None:
    """The failing list is one line and status 1; the tasks of the other are listed all the same."""
    platform.simulator.faults.append(Fault(kind="status", status=status, endpoint=endpoint))
    done = command("tasks", "--json")
    assert done.status == 1
    generation = 1 if endpoint == "new_tasks" else 2
    expected = {task.id for task in platform.simulator.accounts[0].tasks.values() if task.generation == generation}
    assert expected
    assert {row["id"] for row in json.loads(done.out)} == expected
    assert done.err.startswith(
        f"yunfu-exporter: account default: discovery failed: http_{'403' if status == 403 else '5xx'}: the list {endpoint}: "
    )
    assert done.err.count("\n") == 1


def test_tasks_whose_ids_cannot_be_read_are_not_no_tasks(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries with a renamed id are status 1, and a line that says what to do."""
    monkeypatch.setattr("exporter.demo.simulator.platform.list_entry", lambda *_: {"id": "x", "task_name": "a"})
    done = command("tasks")
    assert (done.status, done.out) == (1, "")
    assert "the list tasks: no id (uuid) can be read in the entries that came" in done.err


def test_a_terminal_without_chinese_gets_escapes(
    platform: Platform, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that the output's encoding does not know are escaped; the JSON stays JSON."""
    monkeypatch.setattr(next(iter(platform.simulator.accounts[0].tasks.values())), "name", "回访é📞")
    table, machine = (
        run_program(*words, env=env | {"PYTHONIOENCODING": "ascii"}) for words in (["tasks"], ["tasks", "--json"])
    )
    assert (table.returncode, machine.returncode) == (0, 0)
    assert "\\u" in table.stdout
    tasks = platform.simulator.accounts[0].tasks
    assert {row["name"] for row in json.loads(machine.stdout)} == {task.name for task in tasks.values()}
