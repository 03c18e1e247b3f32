"""Articles of WikiExtractor, columns of tables and of Arrow, joined fields, xz."""

import io
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from transforms.detect.content_checks import enabled_checks
from transforms.files.inputs import input_file, plan_ranges
from transforms.files.planned_file import FormatError, ReadError
from transforms.read.formats import check_head, read_range
from transforms.read.input_files import match_inputs
from transforms.read.read_documents import RangeReader

ARTICLES = b"""<doc id="12" url="https://en.wikipedia.org/wiki?curid=12" title="Mill">
Mill

A mill &amp; a river, a &lt; b.

It has "quotes".
</doc>
<doc id="13" revid="7" url="https://zh.wikipedia.org/wiki?curid=13" title="The "other" one">
\xe7\xa3\xa8\xe5\x9d\x8a

</doc>
"""


def read(
    data: bytes, name: str, field: str = "text", requested: str = "auto", separator: str = ""
) -> tuple[list[str], list[tuple[int, str]]]:
    texts, rejected = [], []
    parts = plan_ranges(
        [input_file(name, len(data), requested)],
        1 << 20,
        enabled_checks(requested, None, separator),
        separator=separator,
    )
    for part in parts:
        check_head(io.BytesIO(data), part, field)
        for batch in read_range(io.BytesIO(data), part, field):
            texts += [text.decode() for text in batch.texts]
            rejected += [(each.offset, each.reason) for each in batch.rejected]
    return texts, rejected


def test_articles() -> None:
    articles = ['Mill\nA mill & a river, a < b.\nIt has "quotes".', "磨坊"]
    assert read(ARTICLES, "wiki_00", requested="wikiextractor") == (articles, [])
    stray = ARTICLES.replace(b"</doc>\n<doc", b"</doc>\nStray.\n<doc", 1)
    assert read(stray, "a", requested="wikiextractor") == (articles, [(0, "text_outside_document")])
    unclosed = ARTICLES.replace(b"</doc>\n<doc", b"<doc", 1)
    assert read(unclosed, "a", requested="wikiextractor") == (
        articles[1:],
        [(0, "unclosed_document")],
    )
    with pytest.raises(ReadError, match=r"^a ends inside the article at byte 1.*; .* copy it"):
        read(ARTICLES[:-9], "a", requested="wikiextractor")


def test_articles_are_recognised(tmp_path: Path) -> None:
    for name in ("wiki_00", "wiki_01.bz2", "wiki.txt", "plain"):
        content = ARTICLES if name != "plain" else b"<doc>\nProse.\n</doc>\n"
        import bz2

        data = bz2.compress(content) if name.endswith("bz2") else content
        (tmp_path / name).write_bytes(data)
    files = match_inputs([f"{tmp_path}/*"])
    assert [file.format for file in files] == ["text", "text", "wikiextractor", "wikiextractor"]
    read_ = [
        each.column("text").to_pylist()
        for each in RangeReader().read(plan_ranges(files[2:]))
        if isinstance(each, pa.RecordBatch)
    ]
    assert len([text for texts in read_ for text in texts]) == 4
    with pytest.raises(
        FormatError, match=r"wiki\.txt looks like the output of WikiExtractor; give"
    ):
        read(ARTICLES, "wiki.txt")
    with pytest.raises(FormatError, match="and looks like JSON lines; give --format jsonl"):
        read(b'{"id": "1", "text": "a"}\n', "wiki_00", requested="wikiextractor")


CSV = 'id,text,title\n1,"A line,\nand ""another"".",T\n2,中文。,\n3,"",None\n4,too,many,cells\n'


def test_columns_of_csv_and_tsv() -> None:
    texts = ['A line,\nand "another".', "中文。"]
    assert read(CSV.encode(), "a.csv") == (
        texts,
        [(CSV.encode().index(b"4,too"), "wrong_number_of_columns")],
    )
    joined = ["T\n" + texts[0], texts[1], "None"]
    assert read(CSV.encode(), "a.csv", "title+text")[0] == joined
    tsv = b'text\tid\n"No quotes\t1\nhere.\t2\n'
    assert read(tsv, "a.tsv") == (['"No quotes', "here."], [])
    assert read(tsv, "a.txt", requested="tsv")[0] == ['"No quotes', "here."]
    with pytest.raises(
        FormatError, match=r"a\.csv has no column 'body'; its columns are id, text,"
    ):
        read(CSV.encode(), "a.csv", "body")
    with pytest.raises(FormatError, match=r"columns are (A{40}\.\.\.,? ){20}and 5 more: name one"):
        read(",".join(f"{'A' * 900}{n}" for n in range(25)).encode() + b"\n" + b"," * 24, "a.csv")
    with pytest.raises(FormatError, match=r"a\.txt looks like CSV; give --format csv if its first"):
        read(b"id,text\n1,hello there\n2,and you\n", "a.txt")


def test_a_tsv_with_quotes_is_refused_before_its_lines_are_taken_for_rows() -> None:
    quoted = b'id\ttext\n1\t"One line,\nanother ""line""."\n2\tOne line.\n'
    with pytest.raises(FormatError, match=r"a\.tsv has cells in quotes .* write it as CSV"):
        read(quoted, "a.tsv")
    assert read(quoted, "a.tsv", requested="tsv")[0] == ['"One line,', "One line."]
    # A quote at the start of one cell and at the end of another is text.
    assert read(b'text\tid\n"One\t1\ntwo"\t2\n', "a.tsv") == (['"One', 'two"'], [])


def test_a_usual_separator_is_not_taken_for_text_unless_told_so() -> None:
    data = b"One.<|endoftext|>Two.\n<|endoftext|>\nThree.\n"
    with pytest.raises(FormatError, match=r"--document-separator '<\|endoftext\|>', or --format"):
        read(data, "a.txt")
    assert read(data, "a.txt", separator="<|endoftext|>")[0] == ["One.", "Two.", "Three."]
    assert read(data, "a.txt", requested="text")[0] == [data.decode().strip()]
    prose = "Texts end with <|endoftext|>; `<|endoftext|>` is one token."
    assert read(prose.encode(), "a.txt")[0] == [prose]


def arrow(table: pa.Table, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "feather":
        pyarrow.feather.write_feather(table, sink)
    else:
        make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with make(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


ROWS = pa.table(
    {
        "id": range(5),
        "text": ["a\nb", None, "", "中", "d"],
        "meta": [{"title": f"T{n}"} for n in range(5)],
        "turns": [["Hi.", "Hello."]] * 4 + [["Alone."]],
    }
)


@pytest.mark.parametrize("kind", ["file", "stream", "feather", "parquet"])
def test_columns_of_arrow(kind: str) -> None:
    name = "a.parquet" if kind == "parquet" else "a.arrow"
    if kind == "parquet":
        sink = io.BytesIO()
        pq.write_table(ROWS, sink, row_group_size=2)
        data = sink.getvalue()
    else:
        data = arrow(ROWS, kind)
    assert read(data, name) == (["a\nb", "中", "d"], [(1, "missing_field")])
    assert read(data, name, "meta.title")[0] == ["T0", "T1", "T2", "T3", "T4"]
    assert read(data, name, "meta.title+text") == (
        ["T0\na\nb", "T2", "T3\n中", "T4\nd"],
        [(1, "missing_field")],
    )
    assert read(data, name, "turns") == (["Hi.\nHello."] * 4, [(4, "broken_dialogue")])
    for field in ("id", "none", "text+none"):
        with pytest.raises(
            FormatError, match=r"has no text column '(id|none)'; its columns are id:"
        ):
            read(data, name, field)


def test_damaged_arrow() -> None:
    stream, file = arrow(ROWS, "stream"), arrow(ROWS, "file")
    borders = [n for n in range(len(stream)) if stream.startswith(b"\xff" * 4, n)]
    for end in (borders[2], borders[3] + 20, len(stream) - 8, len(stream) - 4):
        with pytest.raises(ReadError, match=r"^a\.arrow "):
            read(stream[:end], "a.arrow")
    with pytest.raises(ReadError, match="goes on behind the end of its Arrow stream"):
        read(stream + b"rest", "a.arrow")
    with pytest.raises(ReadError, match=r"^a\.arrow cannot be read as arrow"):
        read(file[:-30], "a.arrow")
    with pytest.raises(FormatError, match="Feather of version 1; write it again"):
        read(b"FEA1\0\0\0\1" + bytes(20), "a.feather")
    with pytest.raises(FormatError, match="is read as Arrow and looks like Parquet"):
        read(b"PAR1\x15\x04\x15", "a.arrow")


@pytest.mark.parametrize(
    ("record", "field", "text"),
    [
        ({"title": "T", "content": "C\nD"}, "title+content", "T\nC\nD"),
        ({"title": "", "content": "C"}, "title+content", "C"),
        ({"a+b": "exact", "a": "x", "b": "y"}, "a+b", "exact"),
        ({"m": {"t": "T"}, "c": ["Hi.", "Ho."]}, "m.t+c", "T\nHi.\nHo."),
        ({"conversations": [{"from": "human", "value": "A"}, {"from": "gpt", "value": "B"}]},
         "conversations", "A\nB"),
        ({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A"},
                       {"role": "assistant", "content": [{"type": "text", "text": "B"}]}]},
         "messages", "A\nB"),
    ],
)  # fmt: skip
def test_fields_that_become_a_text(record: dict[str, Any], field: str, text: str) -> None:
    data = json.dumps(record).encode()
    assert read(data, "a.jsonl", field) == ([text], [])
    assert read(b"[" + data + b"]", "a.json", field) == ([text], [])


def test_a_joined_field_that_lacks() -> None:
    data = b'{"title": "T", "content": null}\n{"title": "T", "content": "C"}\n'
    assert read(data, "a.jsonl", "title+content") == (["T\nC"], [(0, "missing_field")])
    with pytest.raises(FormatError, match="has no field 'body': its first 2 records have title"):
        read(data, "a.jsonl", "title+body")
    with pytest.raises(ValueError, match=r"takes a \+ between the names of fields"):
        read(data, "a.jsonl", "title+", requested="jsonl")


def test_xz_is_read_to_its_end() -> None:
    data = lzma.compress(b"One.\n\nTwo") + bytes(8) + lzma.compress(b".\n\nThree.\n")
    assert read(data, "en.txt.xz") == (["One.", "Two.", "Three."], [])
    for damaged in (data[:-5], data[:40], data + b"rest"):
        with pytest.raises(ReadError, match=r"^en\.txt\.xz cannot be read as text: .*xz"):
            read(damaged, "en.txt.xz")
    with pytest.raises(FormatError, match=r"looks like xz; rename it to end in \.xz"):
        read(data, "en.txt")


def test_separators() -> None:
    data = b"One.\n\nStill one.<|endoftext|>Two.\n<|endoftext|>\n\nThree.\n<|endoftext|>"
    texts = ["One.\nStill one.", "Two.", "Three."]
    assert read(data, "a.txt", separator="<|endoftext|>") == (texts, [])
    lines = b"One --- and\n\nmore.\n---\nTwo.\n"
    assert read(lines, "a.txt", separator="\n---\n") == (["One --- and\nmore.", "Two."], [])
