"""Texts of web archives, what is rejected of them, and archives that are damaged."""

import gzip
import io
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.documents import Rejected
from tests.support.web_archives import HTTP, by_member, record, response, wet
from transforms.detect.content_checks import enabled_checks
from transforms.files.inputs import input_file, plan_ranges
from transforms.files.planned_file import ReadError
from transforms.read.formats import read_range
from transforms.read.read_documents import RangeReader

PAGE = (
    "<html><head><title>T</title><script>x=1</script></head><body><nav><a href=/>Menu</a></nav>"
    "<article><h1>A mill</h1><p>The mill stood by <b>the</b>\nriver — for years.</p>"
    "<p>磨坊。</p></article><footer>Imprint</footer></body></html>"
)
TEXT = "A mill\nThe mill stood by the river — for years.\n磨坊。"


def read(
    data: bytes, name: str, limit: int = 1 << 20
) -> tuple[list[str], list[tuple[int, str]], Counter[str]]:
    texts, rejected, tally = [], [], Counter[str]()
    for part in plan_ranges([input_file(name, len(data))], 99, enabled_checks("auto", None)):
        for batch in read_range(io.BytesIO(data), part, max_document_bytes=limit):
            texts += [text.decode() for text in batch.texts]
            rejected += [(each.offset, each.reason) for each in batch.rejected]
            tally.update(batch.tally)
    return texts, rejected, tally


TEXTS = ["Title\nOne line.\n\nAnother  line.\n", "中文。\n", " \n"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wet", wet(TEXTS)),
        ("a.warc.wet.gz", gzip.compress(wet(TEXTS))),
        ("a.wet.gz", by_member([wet(TEXTS[:1]), wet(TEXTS[1:])])),
        ("a.wet.zst", pa.Codec("zstd").compress(wet(TEXTS), asbytes=True)),
        ("a.warc", wet(TEXTS)),
    ],
)
def test_texts_keep_their_lines(name: str, data: bytes) -> None:
    texts, rejected, tally = read(data, name)
    assert texts == ["Title\nOne line.\nAnother line.", "中文。"]
    assert (rejected, tally["empty"]) == ([], 1)


def test_an_archive_without_records_has_no_text() -> None:
    assert read(b"", "a.wet")[0] == []


def test_pages_become_their_main_text() -> None:
    page, gbk = PAGE.encode(), PAGE.replace("—", "-").encode("gbk")
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(page), page)
    declared = gbk.replace(b"<head>", b"<head><meta charset=gbk>")
    html = "Content-Type: text/html"
    records = [
        record("warcinfo", b"a: b\r\n"),
        record(
            "request", b"GET / HTTP/1.1\r\n\r\n", content_type="application/http; msgtype=request"
        ),
        response(page, f"{html}; charset=utf-8"),
        response(gbk, f"{html}; charset=gbk"),
        response(declared),
        response(gzip.compress(page), f"{html}; charset=utf-8\r\nContent-Encoding: gzip"),
        response(chunked, f"{html}; charset=utf-8\r\nTransfer-Encoding: chunked"),
        response(b"\x89PNG\r\n", "Content-Type: image/png"),
        response(page, f"{html}; charset=utf-8", "404 Not Found"),
        record("metadata", b"x: y\r\n"),
    ]
    texts, rejected, _ = read(by_member(records), "a.warc.gz")
    plain = TEXT.replace("—", "-")
    assert texts == [TEXT, plain, plain, TEXT, TEXT]
    assert rejected == []


def test_broken_records_are_rejected_and_others_read() -> None:
    good = response(PAGE.encode(), "Content-Type: text/html; charset=utf-8")
    broken = [
        record("response", b"no answer at all", content_type=HTTP),
        response(b"no gzip", "Content-Type: text/html\r\nContent-Encoding: gzip"),
        record("conversion", b"\xff\xfe bad"),
        record("conversion", b"x" * 3000),
    ]
    data = b"".join([broken[0], good, *broken[1:], wet(["End."])])
    texts, rejected, _ = read(data, "a.warc", limit=64)
    assert texts[-1] == "End."
    assert "磨坊。" in texts[-2]
    second = len(broken[0] + good)
    assert sorted(rejected) == [
        (0, "broken_http"),
        (second, "broken_http"),
        (second + len(broken[1]), "invalid_utf8"),
        (second + len(broken[1] + broken[2]), "record_too_long"),
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (wet(TEXTS)[:-9], "ends inside the record at byte"),
        (
            record("conversion", b"One.") + record("request", b"GET /")[:-8],
            "ends inside the record",
        ),
        (wet(TEXTS[:1])[:-70], "ends inside the headers of its last record; .* copy it again$"),
        (wet(TEXTS) + b"rest", "cannot be read as wet: Invalid WARC header"),
        (wet(TEXTS).replace(b"Content-Length: 10", b"Content-Length: 3"), "Invalid WARC header"),
        (b"Some text.\n", "is read as a web archive and looks like text"),
        (b'{"text": "a"}\n', "is read as a web archive and looks like JSON lines"),
        (b"\x1f\x8b\x08" + bytes(9), r"looks like gzip; rename it to end in \.gz"),
    ],
)
def test_damaged_archives_fail(data: bytes, told: str) -> None:
    with pytest.raises(ReadError, match=rf"^a\.wet .*{told}") as error:
        read(data, "a.wet")
    assert "\n" not in str(error.value)


def test_a_truncated_gzip_fails() -> None:
    data = by_member([wet(TEXTS), wet(TEXTS)])
    for lost in (1, 9, 100):
        with pytest.raises(ReadError, match=r"^a\.wet\.gz cannot be read as wet"):
            read(data[:-lost], "a.wet.gz")


def test_members_give_the_documents_and_keys_of_the_plain_archive(tmp_path: Path) -> None:
    pages = [
        wet([f"Page {number}\n" + "The mill. 磨坊。\n" * (number % 97)]) for number in range(300)
    ]
    pages[7] = record("conversion", b"\xff bad")
    stored = {"a.wet": b"".join(pages), "a.wet.gz": by_member(pages)}
    found = []
    for name, data in stored.items():
        path = tmp_path / name
        path.write_bytes(data)
        *given, tally = RangeReader().read(plan_ranges([input_file(str(path), len(data))]))
        batches = [each.to_pylist() for each in given if isinstance(each, pa.RecordBatch)]
        rejected = [(each.offset, each.reason) for each in given if isinstance(each, Rejected)]
        found.append((batches, rejected, tally))
    assert found[0] == found[1]
    assert found[0][1] == [(len(b"".join(pages[:7])), "invalid_utf8")]
    assert len(found[0][0][0]) == 299


def test_a_member_with_another_sum_fails() -> None:
    first, second = by_member([wet(TEXTS)]), by_member([wet(TEXTS)])
    data = first[:-8] + bytes([first[-8] ^ 1]) + first[-7:] + second
    with pytest.raises(ReadError, match=r"^a\.wet\.gz cannot be read as wet: .*CRC"):
        read(data, "a.wet.gz")


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastwarc", None)
    with pytest.raises(ReadError, match=r"fastwarc is missing .* pip install 'shardmill\[web\]'"):
        read(wet(TEXTS), "a.wet")
