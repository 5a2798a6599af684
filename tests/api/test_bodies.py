"""Bodies of responses: what is read of them, and the bounds."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable

import pytest

from exporter.api.bodies import MAX_BYTES, MAX_STAT_BYTES, MAX_STAT_VALUES, MAX_VALUES, parse_json
from exporter.api.errors import MalformedError
from exporter.api.model import parse_stats
from tests.support.calls import REF, Platform, answering_raw, calling, envelope
from tests.support.tools import documented


def deflate(data: bytes) -> bytes:
    """Compress as some servers do that say deflate: without zlib's header."""
    return zlib.compress(data, wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda data: gzip.compress(data) + bytes(512)),
        ("deflate", zlib.compress),
        ("deflate", deflate),
        ("identity", bytes),
    ],
    ids=["gzip", "x-gzip", "capitals", "zeros behind gzip", "deflate", "bare deflate", "identity"],
)
async def test_compressed_answers_are_read(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """A compressed answer is as good as a plain one."""
    platform = Platform(pack(envelope(documented())), Content_Encoding=encoding)
    async with calling(platform) as calls:
        assert (await calls.client.stat(REF)).data == documented()


async def test_a_compression_that_was_not_asked_for_is_said() -> None:
    """An unknown content coding is named, with what is accepted."""
    async with calling(Platform(b"xyz", Content_Encoding="br")) as calls:
        error = await calls.fail()
    assert str(error) == "the answer is compressed as 'br', which was not asked for; expected gzip or deflate"


async def test_an_answer_in_many_pieces_is_read_whole() -> None:
    """Up to the limit, an answer that comes in pieces is read."""
    data = {"answer_rate": {"answered": 7}, "padding": "x" * (MAX_STAT_BYTES - 200)}
    async with calling(Platform(envelope(data))) as calls:
        assert (await calls.client.stat(REF)).data == data


@pytest.mark.parametrize("size", [MAX_STAT_BYTES + 1, 100 * MAX_STAT_BYTES])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_statistics_of_more_than_the_limit_are_refused(size: int, pack: Callable[[bytes], bytes]) -> None:
    """The limit counts what was unpacked too, so a small answer cannot fill the memory."""
    platform = Platform(pack(b'{"code":200,"data":"' + b"x" * size), Content_Encoding="" if pack is bytes else "gzip")
    async with calling(platform) as calls:
        error = await calls.fail()
    assert str(error) == f"the answer is larger than {MAX_STAT_BYTES} bytes"


async def test_a_page_of_a_list_may_be_larger_than_statistics() -> None:
    """A hundred tasks are more than the statistics of one, and bounded too."""
    platform = Platform(envelope("x" * (MAX_BYTES - 200)))
    async with calling(platform) as calls:
        got = await calls.client.get("tasks", "/user/x/task", [], lambda answer: len(answer["data"]))
        assert got == MAX_BYTES - 200
        platform.prepare(envelope("x" * MAX_BYTES))
        with pytest.raises(MalformedError, match=f"the answer is larger than {MAX_BYTES} bytes"):
            await calls.client.get("tasks", "/user/x/task", [], lambda _: None)


@pytest.mark.parametrize(
    "nasty",
    ["{},", "[],", '"a":1,', "[[", "0,", '{"a":'],
)
def test_the_cost_of_a_document_is_bounded_before_it_is_parsed(nasty: str) -> None:
    """Megabytes of tiny values are refused by their number, at no more cost than a look at the bytes."""
    body = (nasty * (MAX_BYTES // len(nasty))).encode()
    start = time.process_time()
    with pytest.raises(MalformedError, match=f"has more than {MAX_VALUES} values"):
        parse_json(body)
    assert time.process_time() - start < 0.25  # milliseconds; to parse it would be far more


async def test_statistics_have_fewer_values_than_a_list() -> None:
    """A thousand tags with all their fields are read; ten thousand values are no statistics."""
    tag = {"count": 1, "llm_intention_tag_id": 1, "llm_intention_tag": {"id": 1, "name": "x", "md5": "x"}}
    platform = Platform(envelope({"llm_tags": [tag] * 1000}))
    async with calling(platform) as calls:
        assert (await calls.client.stat(REF)).data == {"llm_tags": [tag] * 1000}
        platform.prepare(envelope({"llm_tags": [tag] * 2000}))
        assert f"has more than {MAX_STAT_VALUES} values" in str(await calls.fail())


def test_a_page_of_a_list_has_far_fewer_values_than_are_allowed() -> None:
    """A hundred tasks of fifty fields each are read."""
    entry = {f"field{number}": [number] for number in range(50)}
    assert len(parse_json(json.dumps([entry] * 100).encode())) == 100


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xef\xbb\xbf" + envelope({"rounds": []}), "application/json"),
        (envelope({"rounds": []}), "text/html; charset=gbk"),
        (envelope({"rounds": []}), "nonsense"),
        (2 * b"\xef\xbb\xbf" + envelope({"rounds": []}), "application/json"),
        (envelope({"rounds": []}, message="?").replace(b"?", b"\x07\t"), "application/json"),
        (b"\r\n  " + envelope({"rounds": []}) + b"\n", "application/json; charset=latin-1"),
    ],
    ids=[
        "byte order mark",
        "wrong type",
        "no type",
        "two byte order marks",
        "control characters",
        "blanks and wrong charset",
    ],
)
async def test_oddities_around_the_json_do_not_matter(body: bytes, content_type: str) -> None:
    """What the answer calls itself is not believed; it is read as UTF-8 JSON."""
    async with calling(Platform(body, Content_Type=content_type)) as calls:
        assert (await calls.client.stat(REF)).data == {"rounds": []}


async def test_a_name_in_gbk_spoils_only_itself() -> None:
    """Bytes that are no UTF-8 become replacement characters; the numbers beside them are read."""
    body = '{"code":200,"data":{"llm_tags":[{"count":3,"name":"感兴趣"}]}}'.encode("gbk")
    async with calling(Platform(body)) as calls:
        tags = parse_stats((await calls.client.stat(REF)).data).llm_tag_calls
    assert list(tags.values()) == [3]
    assert set("".join(tags)) <= {"\ufffd", "Ȥ"}


CURL_READS = [
    b"Content-Type: application/json\r\nX-Long: " + b"x" * 60_000,
    b"X-Folded: one\r\n two\r\n\tthree",
    b"Content-Length: %(length)d",
]


@pytest.mark.parametrize("header", CURL_READS, ids=lambda header: header[:20].decode())
async def test_http_that_curl_reads_is_read(header: bytes) -> None:
    """Headers of up to 64 KiB, folded ones, and a length that is given twice alike are no fault of the answer's."""
    body = envelope({"rounds": []})
    lines = (
        b"HTTP/1.1 200 OK",
        header.replace(b"%(length)d", b"%d" % len(body)),
        b"Content-Length: %d" % len(body),
        b"",
        body,
    )
    async with answering_raw(b"\r\n".join(lines)) as calls:
        assert (await calls.client.stat(REF)).data == {"rounds": []}
