import pytest

from transforms.files.compression import codec_of
from transforms.files.inputs import (
    FileRange,
    detect_format,
    estimated_text_bytes,
    input_file,
    plan_ranges,
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.txt", "text"),
        ("a", "text"),
        ("folder.jsonl/a", "text"),
        ("gs://bucket/a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("A.JSON.BZ2", "jsonl"),
        ("a.lines.zst", "lines"),
        ("a.parquet", "parquet"),
        ("a.gz", "text"),
        ("en.txt.xz", "text"),
        ("part.jsonl.zst", "jsonl"),
        ("a.csv.gz", "csv"),
        ("A.TSV", "tsv"),
        ("data-00000-of-00001.arrow", "arrow"),
        ("a.feather", "arrow"),
        ("CC-MAIN-2024-0.warc.wet.gz", "wet"),
        ("CC-MAIN-2024-0.warc.gz", "warc"),
        ("https://host/a.jsonl.gz?download=true#b.txt", "jsonl"),
    ],
)
def test_detects_format_by_name(path: str, found: str) -> None:
    assert detect_format(path, "auto") == found


def test_requested_format_wins() -> None:
    assert detect_format("a.jsonl.gz", "lines") == "lines"


def test_refuses_unknown_format() -> None:
    with pytest.raises(ValueError, match=r"auto, text, .*, wikiextractor, got 'conll'"):
        detect_format("a.conll", "conll")


@pytest.mark.parametrize("path", ["a.zip", "a.txt.lz4", "a.tar.gz", "a.TGZ"])
def test_refuses_archives_that_cannot_be_read(path: str) -> None:
    with pytest.raises(
        ValueError, match=r"cannot be read; plain files and \.gz, \.bz2, \.zst, \.xz can"
    ):
        detect_format(path, "text")


@pytest.mark.parametrize("path", ["a.html", "a.xml.bz2"])
def test_markup_is_prose_only_on_demand(path: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^{path} is named as .*, or give --format lines or text"
    ):
        detect_format(path)
    assert detect_format(path, "lines") == "lines"


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.arrow.zst"])
def test_refuses_what_is_compressed_twice(name: str) -> None:
    with pytest.raises(ValueError, match="decompress the file first"):
        input_file(name, 1)


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.arrow", "a.warc", "a.wet", "a.jsonl.xz", "http://h/a.txt"]
)
def test_files_that_are_not_cut(name: str) -> None:
    [part] = plan_ranges([input_file(name, 99)], 10)
    assert (part.begin, part.end) == (0, None)


def test_a_separator_is_for_files_of_text() -> None:
    parts = plan_ranges([input_file("a.txt", 9), input_file("b.jsonl", 9)], separator="---")
    assert [part.separator for part in parts] == ["---", ""]


def test_codecs() -> None:
    paths = ["a.gz", "a.txt.bz2", "a.ZST", "a.xz", "a.txt"]
    assert [codec_of(path) for path in paths] == ["gzip", "bz2", "zstd", "xz", None]


def test_plans_ranges_ordered_by_path() -> None:
    files = [input_file("b.txt", 25), input_file("a.jsonl.gz", 99), input_file("c.txt", 0)]
    assert plan_ranges(files, 10) == [
        FileRange(path="a.jsonl.gz", format="jsonl", begin=0, end=None, size=99),
        FileRange(path="b.txt", format="text", begin=0, end=10, size=25),
        FileRange(path="b.txt", format="text", begin=10, end=20, size=25),
        FileRange(path="b.txt", format="text", begin=20, end=25, size=25),
        FileRange(path="c.txt", format="text", begin=0, end=0, size=0),
    ]


def test_files_in_another_encoding_are_not_cut() -> None:
    file = input_file("a.txt", 30, encoding="gb18030")
    assert plan_ranges([file], 10) == [
        FileRange(path="a.txt", format="text", begin=0, end=None, size=30, encoding="gb18030")
    ]
    assert estimated_text_bytes([file]) == 45
    for name, title in {"a.parquet": "Parquet", "a.arrow": "Arrow", "a.wet.gz": "WET"}.items():
        with pytest.raises(ValueError, match=f"{name}: {title} holds UTF-8"):
            input_file(name, 30, encoding="gb18030")


def test_refuses_empty_ranges() -> None:
    with pytest.raises(ValueError, match="range_bytes must be at least 1, got 0"):
        plan_ranges([], 0)


def test_estimates_text() -> None:
    names = ["a.txt", "a.txt.gz", "a.txt.bz2", "a.txt.zst", "a.txt.xz", "a.parquet"]
    sizes = [10, 30, 40, 30, 40, 20]
    assert [estimated_text_bytes([input_file(name, 10)]) for name in names] == sizes
    assert estimated_text_bytes([input_file(name, 10) for name in names]) == 170
    webs = [input_file("a.warc.wet.gz", 80), input_file("a.warc.gz", 80)]
    assert [estimated_text_bytes([file]) for file in webs] == [240, 30]
