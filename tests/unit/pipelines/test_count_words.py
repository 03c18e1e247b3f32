import collections
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipelines.count_words
import transforms.records.shard_text
from pipelines.build import main as build
from pipelines.folder.output import read_manifest
from pipelines.vocab import main
from schemas.documents import document_batch
from schemas.errors import UsageError
from schemas.lock import hold_file
from schemas.word_list import read_word_list
from tests.support.sample_builds import SAMPLE, sample_documents, tokenizer_file
from transforms.build.count_shards import WordCounter
from transforms.records.shard_text import join_documents
from transforms.text.normalize import normalize_texts
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words

Captured = pytest.CaptureFixture[str]


def count(output: Path, *options: str, text: Path = SAMPLE / "*.txt") -> int:
    given = ["--model", "words", "--input", str(text), "--output", str(output)]
    return main([*given, *options])


def listed(texts: tuple[bytes, ...], min_count: int = 1, size: int | None = None) -> str:
    """Returns the list that a counter makes of normalised texts, one after the other."""
    words: collections.Counter[bytes] = collections.Counter()
    lines = 0
    for text in {*texts} - {b""}:
        joined = join_documents([document_batch([text])], deduplicate=True)
        separate = separate_words(annotate_words(joined, Segmenter())).data.tobytes()
        lines += separate.count(b"\n")
        words.update(separate.split())
    kept = [(-n, word) for word, n in words.items() if n >= min_count]
    found = sorted([*sorted(kept)[:size], (-lines, b"</s>")])
    return "".join(f"{word.decode()} {-n}\n" for n, word in found)


@pytest.fixture
def many_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes shards of a few documents."""
    monkeypatch.setattr(transforms.records.shard_text, "SHARD_BYTES", 1 << 14)


def test_the_list_is_that_of_a_counter(tmp_path: Path, capsys: Captured) -> None:
    assert count(tmp_path / "x.txt", "--min-count", "2") == 0
    text = (tmp_path / "x.txt").read_text("utf-8")
    assert text == listed(sample_documents(), 2)
    found = read_word_list(text)
    assert {"the", "的", "."} <= {*found.words}
    everything = read_word_list(listed(sample_documents())).counts
    told = capsys.readouterr().out
    assert f"{len(found.words):,} words of {len(everything):,} distinct ones, those that" in told
    share = found.counts.sum() / everything.sum()
    assert f"they cover {share:.2%} of the {everything.sum():,} words in {found.lines:,} li" in told
    assert "counted in 80 documents, 0.1 MB; 0 duplicates left out" in told
    assert [each.name for each in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.usefixtures("many_shards", "forked_workers")
@pytest.mark.parametrize(
    "options", [["--workers", "1"], ["--workers", "2"], ["--runner=FnApiRunner"]]
)
def test_runner_workers_and_files_do_not_matter(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shuffle in memory takes two waves.
    waves = {"--runner=FnApiRunner": 5}.get(options[0])
    if waves is not None:
        monkeypatch.setattr(pipelines.count_words, "wave_shards", lambda *_, **__: waves)
    documents = list(reversed(sample_documents()))
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_bytes(b"\n\n".join(documents[:30]))
    # Duplicates are counted once.
    (text / "b.txt").write_bytes(b"\n\n".join(documents[20:]))
    assert count(tmp_path / "x.txt", *options, text=text / "*.txt") == 0
    assert (tmp_path / "x.txt").read_text("utf-8") == listed(sample_documents(), 5)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["text", "x.txt"]


def test_a_build_finds_the_words_that_were_counted(tmp_path: Path) -> None:
    assert count(tmp_path / "words.txt") == 0
    arguments = ["cbow", "--input", f"{SAMPLE}/*.txt", "--tokenizer", str(tmp_path / "words.txt")]
    assert build([*arguments, "--output", str(tmp_path / "out")]) == 0
    manifest = read_manifest(str(tmp_path / "out"))
    words = read_word_list((tmp_path / "words.txt").read_text("utf-8"))
    assert manifest.splits["train"].tokens == words.counts.sum()


CHARACTERS = st.sampled_from("aB é电影的。,'-1\n\t")


@settings(max_examples=10)
@given(
    documents=st.lists(st.text(CHARACTERS, max_size=20), min_size=1, max_size=6),
    min_count=st.integers(1, 3),
)
def test_any_text_is_counted(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str], min_count: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in documents)
    (folder / "a.jsonl").write_text(lines)
    expected = listed(tuple(normalize_texts([text.encode() for text in documents])), min_count)
    status = count(folder / "x", "--min-count", str(min_count), text=folder / "a.jsonl")
    if expected.count("\n") == 1:
        assert status == 2
        assert not (folder / "x").exists()
    else:
        assert status == 0
        assert (folder / "x").read_text("utf-8") == expected


def test_frequent_words_come_first_and_ties_by_their_bytes(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "a.lines").write_text("é b a C\né b a\nonce a b c é\nb C c b\n", "utf-8")
    text = tmp_path / "a.lines"
    assert count(tmp_path / "x", "--min-count", "2", text=text) == 0
    # Four lines are four documents; letter case is kept.
    ordered = "b 5\n</s> 4\na 3\né 3\nC 2\nc 2\n"
    assert (tmp_path / "x").read_text("utf-8") == ordered
    assert count(tmp_path / "x", "--min-count", "3", "--overwrite", text=text) == 0
    assert (tmp_path / "x").read_text("utf-8") == "b 5\n</s> 4\na 3\né 3\n"
    options = ["--min-count", "1", "--size", "2", "--overwrite"]
    assert count(tmp_path / "x", *options, text=text) == 0
    assert (tmp_path / "x").read_text("utf-8") == "b 5\n</s> 4\na 3\n"
    told = capsys.readouterr().out
    assert "2 words of 6 distinct ones, the most frequent of 6 that occur at least 1 time\n" in told


def test_one_document_is_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one word\nword two\n\n \n")
    assert count(tmp_path / "x", "--min-count", "1", text=tmp_path / "a.txt") == 0
    assert (tmp_path / "x").read_text() == "</s> 2\nword 2\none 1\ntwo 1\n"


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", [], "the files are empty"),
        (" \n\n \n", [], "a.txt: no document in 1 file"),
        ("a b b", [], "no word occurs 5 times, the most frequent one 2 times: give less than --mi"),
    ],
)
def test_nothing_to_count_is_told(
    text: str, options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert count(tmp_path / "x", *options, text=tmp_path / "a.txt") == 2
    assert said in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lowercase"], "--model words: leave out --lowercase: words are counted as they are"),
        (["--no-lowercase"], "leave out --lowercase"),
        (["--max-mib", "9"], "leave out --max-mib: words are counted as they are written, in all"),
        (["--eod-token", "x", "--sentinels", "0"], "leave out --eod-token, --sentinels:"),
        (["--min-frequency", "2"], "leave out --min-frequency"),
        (["--min-count", "0"], "--min-count: must be a whole number"),
        (["--min-cuont", "1"], "neither Shardmill nor Beam has an option --min-cuont; did you mea"),
        (["--segmenter", "rjieba", "--user-dict", __file__], "a user dictionary needs segmenter"),
        (["--memory-gib", "0.1"], "give at least 0.5, or fewer --workers"),
        (["--runner=FnApiRunner", "--workers", "2"], "--workers is for local runs"),
        (["--runner=FnApiRunner", "--no_wait_until_finish"], "leave out --no_wait_until_finish"),
        (["--text-field", "query,title,label"], "name the title's, or the query's"),
        (["--output", f"{SAMPLE}/en.txt", "--overwrite"], "is one of the files of --input"),
    ],
)
def test_options_that_do_not_fit_are_told(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    assert count(tmp_path / "x.txt", *options) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--min-count", "5"], "--model bpe: leave out --min-count: for --model words alone"),
        (["--workers", "1"], "leave out --workers"),
        (["--temp-dir", "x", "--user-dict", "y"], "leave out --user-dict, --temp-dir"),
        (["--runner=FnApiRunner"], "unrecognized arguments: --runner=FnApiRunner"),
    ],
)
def test_options_of_words_are_for_words(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    arguments = ["--model", "bpe", "--size", "300", "--input", f"{SAMPLE}/*.txt"]
    assert main([*arguments, "--output", str(tmp_path / "x"), *options]) == 2
    assert said in capsys.readouterr().err
    assert main([*arguments[:2], *arguments[4:], "--output", str(tmp_path / "x")]) == 2
    assert "required: --size" in capsys.readouterr().err


def test_a_user_dictionary_makes_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("乌兰察布大草原\n", "utf-8")
    (tmp_path / "dict").write_text("乌兰察布大草原 9\n", "utf-8")
    options = ["--min-count", "1", "--user-dict", str(tmp_path / "dict")]
    assert count(tmp_path / "x", *options, text=tmp_path / "a.txt") == 0
    assert (tmp_path / "x").read_text("utf-8") == "</s> 1\n乌兰察布大草原 1\n"


def test_only_a_list_of_words_is_replaced(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "x.txt"
    for content in ("mine\n", "</s> 4\nmine\n", tokenizer_file("bpe").read_text("utf-8")):
        path.write_text(content, "utf-8")
        assert count(path) == 2
        assert "--overwrite" in capsys.readouterr().err
        assert count(path, "--overwrite") == 2
        assert "x.txt is no list of words with counts, and --overwrite" in capsys.readouterr().err
        assert path.read_text("utf-8") == content
    path.write_text("old 5\n</s> 4\n")
    assert count(path, "--overwrite") == 0
    assert path.read_text("utf-8") == listed(sample_documents(), 5)
    with hold_file(path, "vocab"):
        assert count(path, "--overwrite") == 2
    assert "x.txt is being written by `shardmill vocab`" in capsys.readouterr().err


def test_bad_records_are_counted(tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "text.jsonl"
    text.write_text('{"text": "a few words"}\n{\n{"other": 1}\n')
    assert count(tmp_path / "x", "--min-count", "1", text=text) == 0
    assert "2 records were rejected: broken_json 1, " in capsys.readouterr().out


def fail(*_: object) -> NoReturn:
    raise ZeroDivisionError("of the test")


def test_a_count_that_fails_leaves_its_trace_alone(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(WordCounter, "write", fail)
        assert count(tmp_path / "x.txt") == 1
    told = capsys.readouterr().err
    assert "the pipeline failed: " in told
    [trace] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert f"(the trace is in {trace})" in told
    assert "of the test" in trace.read_text()
    assert count(tmp_path / "x.txt") == 0
    assert [each.name for each in tmp_path.iterdir()] == ["x.txt"]


def test_a_partition_that_is_lost_is_told(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WordCounter, "write", lambda *_: "")
    assert count(tmp_path / "x.txt") == 1
    assert "words, but the partitions 0: counts were lost" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, signal, sys
from pipelines.vocab import main
from transforms.build.count_shards import WordCounter
really = WordCounter.write
def write(*arguments):
    really(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
WordCounter.write = write
main(sys.argv[1:])
"""
"""Counts words, and ends when the counts of a partition are written."""


def test_a_count_that_is_killed_leaves_no_list(tmp_path: Path) -> None:
    output = tmp_path / "x.txt"
    given = ["--model", "words", "--input", f"{SAMPLE}/*.txt", "--output", str(output)]
    # Files of others stay.
    (tmp_path / ".x.txt.counting").mkdir()
    (tmp_path / ".y.txt.0123456789ab.counting").mkdir()
    others = sorted(tmp_path.iterdir())
    killed = subprocess.run([sys.executable, "-c", _KILLED, *given], cwd=SAMPLE.parent, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    assert len([*tmp_path.glob(".x.txt.*.counting")]) == 1
    assert main(given) == 0
    assert sorted(tmp_path.iterdir()) == [*others, output]


def test_a_remote_folder_for_temporary_files_is_refused() -> None:
    with pytest.raises(UsageError, match="name a folder of this machine"):
        pipelines.count_words.choose_runner([], 1, "gs://bucket/folder")


@pytest.mark.parametrize("options", [[], ["--workers", "2"]])
def test_words_are_counted_in_what_filters_keep(
    options: list[str], tmp_path: Path, capsys: Captured
) -> None:
    good = "One sentence is here now. And here is one more. That is all of it."
    near = f"{good} No, a word more."
    text = tmp_path / "text.txt"
    text.write_text(f"{good}\n\nMenu\n\n{near}\n\nHome\n{good}", "utf-8")
    filters = ["--boilerplate", "--near-duplicates", "0.5", "--min-count", "1"]
    assert count(tmp_path / "x.txt", *filters, *options, text=text) == 0
    assert (tmp_path / "x.txt").read_text("utf-8") == listed((near.encode(),))
    said = capsys.readouterr().out
    assert "boilerplate (no line left 1), near duplicates (near duplicate 2)" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["text.txt", "x.txt"]
