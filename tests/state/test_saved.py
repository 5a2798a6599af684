from dataclasses import replace

import pytest
from hypothesis import given

from exporter.api.errors import Failure
from exporter.api.model import TaskRef
from exporter.state.saved import SavedTask, decode_account, decode_task, encode_account, encode_task
from exporter.state.state_file import VERSION
from tests.support.state import ACCOUNT, ANY_TASK, ref, saved

WORDS = {
    "task": '{"task":{"ref":["main","61551b2c-e3f3-4707-b4ed-000000000000",null],"min_answer_ratio":0.3,'
    '"name":"老客户回访","generation":"1","state":"running","concurrency_limit":20,"created":1750000000.25},'
    '"interval":60.0,"up":false,"last_success":1751000000.123,"due":1751000060.123,"missing_since":1751000030.0,'
    '"failure":{"reason":"http_404","text":"no such task","missing":true},'
    '"stats":{"answered":61,"numbers":{"busy":3},"unread":{"rounds":1}},'
    '"windows":{"15m":{"stats":{"answered":61,"unanswered":6,"answer_ratio":0.9104,"numbers":{"busy":3},'
    '"tag_calls":{"感兴趣":1}},"read_at":1.5,"due":61.5,"expires":Infinity}},'
    '"polls":[[1751000000.0,0.125,""],[1751000030.0,3.0,"http_404"]],'
    '"counters":{"calls":{"answered":5},"numbers":{"busy":1},"resets":2,"most_calls":{"answered":61},'
    '"last_numbers":{"busy":3},"fall":{"calls":{"answered":4},"numbers":{"busy":0},"most_calls":{"answered":5},"growths":1}},'
    '"recent":"AAAA","trouble":[[1751000000.0,600,[12.5,130.0]],null]}',
    "account": '{"name":"main","discovery_last_success":1751000000.5}',
}
"""What version 1 of the format writes: a change of it needs a new version, or old files are misread."""


def test_the_format_is_what_version_1_says() -> None:
    """What is written is, byte for byte, what files of this version hold, and that is read as what it was."""
    assert VERSION == 1
    assert encode_task(saved(ref())).decode() == WORDS["task"]
    assert decode_task(WORDS["task"].encode()) == saved(ref())
    assert encode_account(ACCOUNT).decode() == WORDS["account"]
    assert decode_account(WORDS["account"].encode()) == ACCOUNT


def test_the_platforms_message_comes_back() -> None:
    """What the platform said of a failure outlives a restart."""
    failed = replace(saved(ref()), failure=Failure("api_error", "code 500", said="余额不足"))
    assert decode_task(encode_task(failed)).failure == failed.failure


def test_fields_may_be_added() -> None:
    """A row without the fields of today is read with their defaults, one with fields of tomorrow without them."""
    row = b'{"task":{"ref":["a","b",null],"min_answer_ratio":0.2,"of_tomorrow":1},"of_tomorrow":{}}'
    task = decode_task(row)
    assert (task.task.ref, task.stats, task.counters) == (TaskRef("a", "b"), None, None)


@given(ANY_TASK)
def test_any_task_comes_back_as_it_was(task: SavedTask) -> None:
    """Whatever the platform reports of a task and its windows, its JSON gives back the same."""
    assert decode_task(encode_task(task)) == task


def test_what_no_json_can_hold_is_refused() -> None:
    """A lone surrogate is an error when it is written, and not when it is read."""
    odd = saved(ref())
    with pytest.raises(ValueError, match="surrogates"):
        encode_task(replace(odd, task=replace(odd.task, name="\ud800")))
