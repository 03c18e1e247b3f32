import bz2
import dataclasses
import gzip
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas.documents import DOCUMENT_SCHEMA, Rejected, document_key
from transforms.files.inputs import FileRange, InputFile, plan_ranges
from transforms.read.beam_read import ReadDocuments
from transforms.read.input_files import match_inputs
from transforms.read.read_documents import RangeReader


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "a.txt").write_bytes(b"one\n\ntwo\nlines\n\nbad \xff\n\n \xe3\x80\x80\n")
    (folder / "b.txt.gz").write_bytes(gzip.compress(b"three\n\nfour"))
    (folder / "c.lines.bz2").write_bytes(bz2.compress(b"five\nsix\n"))
    (folder / "d.jsonl").write_bytes(b'{"text": "seven"}\n{"text": 8}\n')
    zstd = pa.Codec("zstd").compress(b'{"text": "nine"}\n', asbytes=True)
    (folder / "more" / "e.jsonl.zst").write_bytes(zstd)
    pq.write_table(pa.table({"text": ["ten", None]}), folder / "more" / "f.parquet")
    (folder / ".hidden" / "g.txt").write_bytes(b"unseen")
    (folder / ".h.txt").write_bytes(b"unseen")
    return folder


def names(files: list[InputFile], folder: Path) -> list[str]:
    return [str(Path(file.path).relative_to(folder)) for file in files]


def test_matches_each_file_once(corpus: Path) -> None:
    patterns = [f"{corpus}/*", f"{corpus}/a.*", f"{corpus}/a.txt"]
    files = match_inputs(patterns)
    assert names(files, corpus) == ["a.txt", "b.txt.gz", "c.lines.bz2", "d.jsonl"]
    modified = (corpus / "a.txt").stat().st_mtime
    assert files[0] == InputFile(
        path=f"{corpus}/a.txt", size=28, modified=modified, format="text", compressed=False
    )
    assert [file.format for file in files] == ["text", "text", "lines", "jsonl"]
    assert [file.format for file in match_inputs(patterns, "lines")] == ["lines"] * 4


def test_hidden_files_must_be_named(corpus: Path) -> None:
    assert len(match_inputs([f"{corpus}/**"])) == 6
    assert names(match_inputs([f"{corpus}/.*"]), corpus) == [".h.txt"]
    assert names(match_inputs([f"{corpus}/.hidden/*"]), corpus) == [".hidden/g.txt"]


@pytest.mark.parametrize("pattern", ["none", "*.none", "none/*", "none/"])
def test_refuses_patterns_that_find_nothing(corpus: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match="no file matches"):
        match_inputs([f"{corpus}/a.txt", f"{corpus}/{pattern}"])


@pytest.mark.parametrize("pattern", ["", "/"])
def test_refuses_folders(corpus: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match=rf"is a folder; to read its files write {corpus}/\*"):
        match_inputs([f"{corpus}{pattern}"])


def test_refuses_unknown_file_systems() -> None:
    with pytest.raises(ValueError, match="nosuch"):
        match_inputs(["nosuch://a/b"])


def rows(batch: pa.RecordBatch) -> list[tuple[bytes, bytes]]:
    assert batch.schema == DOCUMENT_SCHEMA
    return list(zip(batch["key"].to_pylist(), batch["text"].to_pylist(), strict=True))


def check_reading(pipeline: beam.Pipeline, folder: Path, range_bytes: int) -> None:
    ranges = plan_ranges(match_inputs([f"{folder}/**"]), range_bytes)
    read = pipeline | ReadDocuments(ranges)
    texts = [b"one", b"two\nlines", b"three", b"four", b"five", b"six", b"seven", b"nine", b"ten"]
    documents = read.documents | beam.Reshuffle() | beam.FlatMap(rows)
    assert_that(documents, equal_to([(document_key(text), text) for text in texts]), "Documents")
    places = read.rejected | "Place" >> beam.Map(place)
    expected = [
        (f"{folder}/a.txt", 16, "invalid_utf8"),
        (f"{folder}/d.jsonl", 18, "missing_field"),
        (f"{folder}/more/f.parquet", 1, "missing_field"),
    ]
    assert_that(places, equal_to(expected), "Rejected")
    tally = read.tally | beam.FlatMap(dict.items) | beam.CombinePerKey(sum)
    total = sum(map(len, texts))
    sums = [("documents", 9), ("empty", 1), ("split", 0), ("bytes", total)]
    assert_that(tally, equal_to(sums), "Tally")
    # Small ranges are read together: a task for each of the four formats.
    tallies = read.tally | beam.combiners.Count.Globally()
    assert_that(tallies, equal_to([4]), "TallyOfEachTask")


def place(rejected: Rejected) -> tuple[str, int, str]:
    return rejected.source, rejected.offset, rejected.reason


@pytest.mark.parametrize("range_bytes", [5, 1 << 20])
def test_reads_all_formats(corpus: Path, range_bytes: int) -> None:
    with TestPipeline(runner="FnApiRunner") as pipeline:
        check_reading(pipeline, corpus, range_bytes)


def test_damaged_file_fails_the_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"line\n\n" * 1000)[:-9])
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pipeline | ReadDocuments(plan_ranges(match_inputs([str(path)])))
    with pytest.raises(Exception, match=rf"{path} cannot be read as text: Truncated"):
        pipeline.run()


def test_missing_file_fails_the_pipeline() -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pipeline | ReadDocuments([FileRange(path="/none/a", format="text", begin=0, end=1)])
    with pytest.raises(Exception, match="/none/a cannot be opened"):
        pipeline.run()


def test_checks_arguments() -> None:
    with pytest.raises(ValueError, match="max_document_bytes must be at least 64, got 0"):
        RangeReader(max_document_bytes=0)


def test_small_files_of_one_format_are_one_batch(tmp_path: Path) -> None:
    """Rejected records keep their own files and offsets, whichever encoding these have."""
    contents = {
        "a.txt": b"one\n\ntwo",
        "b.txt": b"",
        "c.txt": b"three\n\nbad \xff\n\nfour",
        "d.txt": "f\u00fcnf".encode("utf-16"),
        "e.jsonl": b'{"text": "six"}\n{}\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    ranges = plan_ranges(match_inputs([f"{tmp_path}/*"]))
    ranges[3] = dataclasses.replace(ranges[3], encoding="utf-16", end=None)
    read = list(RangeReader().read(ranges))
    batches = [each.column("text").to_pylist() for each in read if isinstance(each, pa.RecordBatch)]
    assert batches == [[b"one", b"two", b"three", b"four", "f\u00fcnf".encode()], [b"six"]]
    assert [place(each) for each in read if isinstance(each, Rejected)] == [
        (f"{tmp_path}/c.txt", 7, "invalid_utf8"),
        (f"{tmp_path}/e.jsonl", 16, "missing_field"),
    ]
    assert read[-1] == {"documents": 6, "empty": 0, "split": 0, "bytes": 23}
