"""Whatever a file holds, it is read or told in one sentence; encodings give the text of UTF-8."""

import gzip
import io
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import Transcoded, check_encoding
from transforms.files.inputs import FORMATS, FileRange, input_file, plan_ranges
from transforms.files.planned_file import ReadError
from transforms.read import formats
from transforms.read.formats import check_head, read_range

ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "utf-7", "hz", "utf-8")
SEVEN_BITS = ("iso2022_jp", "big5", "shift_jis", "euc_kr", "cp1252")

texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from('ab ,\t\n\r"{[]}:1<>/中文。')
    ),
    max_size=60,
)


def encoded(pair: tuple[str, str]) -> bytes:
    return pair[0].encode(pair[1], "ignore")


pairs = st.tuples(texts, st.sampled_from([*ENCODINGS, *SEVEN_BITS]))
contents = st.one_of(
    st.binary(max_size=80),
    pairs.map(encoded),
    texts.map(lambda x: gzip.compress(x.encode(), mtime=0)),
)
cases = st.one_of(
    pairs.map(lambda pair: (encoded(pair), pair[1])),
    st.tuples(contents, st.sampled_from([None, *ENCODINGS, *SEVEN_BITS])),
)


@given(
    cases,
    st.sampled_from(
        [
            "wiki_00",
            "a.txt.gz",
            "a.bz2",
            "a.zst",
            "a.jsonl",
            "a.parquet",
            "a.wet",
            "a.arrow",
            "a.csv.xz",
        ]
    ),
    st.sampled_from(FORMATS),
    st.integers(1, 30),
)
def test_nothing_but_one_sentence(
    case: tuple[bytes, str | None], name: str, requested: str, head: int
) -> None:
    data, encoding = case
    try:
        file = input_file(name, len(data), requested, encoding=check_encoding(encoding or "utf-8"))
    except ValueError:
        return
    [part] = plan_ranges([file], 1 << 20, enabled_checks(requested, encoding))
    with mock.patch.object(formats, "HEAD_BYTES", head):
        told = told_of(data, part)
    assert told is None or (told.startswith(name) and "\n" not in told)


def told_of(data: bytes, part: FileRange) -> str | None:
    try:
        check_head(io.BytesIO(data), part)
        list(read_range(io.BytesIO(data), part))
    except ReadError as error:
        return str(error)
    return None


@given(texts, st.sampled_from(ENCODINGS), st.lists(st.integers(1, 7), min_size=1))
def test_transcoding_gives_the_text_whatever_is_read_at_once(
    text: str, encoding: str, sizes: list[int]
) -> None:
    text = text.encode(encoding, "ignore").decode(encoding)
    stream = Transcoded(io.BytesIO(text.encode(encoding)), encoding)
    found, count = b"", 0
    while data := stream.read(sizes[count % len(sizes)]):
        found, count = found + data, count + 1
    # A mark is dropped when lines are made.
    assert found.decode().removeprefix("\ufeff") == text.removeprefix("\ufeff")


@given(st.lists(texts, max_size=5), st.sampled_from(ENCODINGS), st.sampled_from(["text", "lines"]))
def test_documents_are_those_of_the_same_text_in_utf_8(
    parts: list[str], encoding: str, kind: str
) -> None:
    text = "\n\n".join(parts).encode(encoding, "ignore").decode(encoding)
    found = []
    for each in (encoding, "utf-8"):
        data = text.encode(each)
        [part] = plan_ranges(
            [input_file("a", len(data), kind, encoding=check_encoding(each))], 1 << 20
        )
        batches = list(read_range(io.BytesIO(data), part))
        found.append([document for batch in batches for document in batch.texts])
    assert found[0] == found[1]
