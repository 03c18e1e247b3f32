import gzip
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import corpus
from benchmarks.corpus import (
    GENERATED_SHARE,
    Source,
    corpus_chunks,
    read_source,
    source_of,
    write_corpus,
)
from benchmarks.recipe_inputs import split_corpus

ROOT = Path(__file__).resolve().parents[3]
ENGLISH = "One line here.\nAnother line there, of words.\n\nA third: the last.\n"
CHINESE = "今天天气很好。\n我们学习自然语言处理。\n\n他们在北京工作。\n"


@pytest.fixture(scope="module")
def sample() -> Source:
    return read_source([ROOT / "sample" / "en.txt", ROOT / "sample" / "zh.txt"])


def text_of(source: Source, size: int, seed: int = 0) -> str:
    return b"".join(corpus_chunks(source, size, seed)).decode()


def documents_of(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n\n")


def test_takes_a_text_apart() -> None:
    source = source_of("Ab cd\n \n今天x,\n\n\n  \nlast")
    assert source.lines == [b"Ab cd\n", "今天x,\n".encode(), b"last\n"]
    assert source.line_bytes.tolist() == [6, 9, 5]
    assert source.document_lines.tolist() == [1, 1, 1]
    assert source.slot_offsets.tolist() == [0, 2, 3, 4]
    assert source.slot_begins.tolist() == [0, 3, 0, 0]
    assert source.slot_bytes.tolist() == [2, 2, 6, 4]
    assert source.slot_chinese.tolist() == [False, False, True, False]


def test_refuses_a_text_without_lines() -> None:
    with pytest.raises(ValueError, match="no line"):
        source_of("\n \n")


def test_reads_compressed_files_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(CHINESE.encode()))
    source = read_source([tmp_path / "a.txt", tmp_path / "b.txt.gz"])
    assert source.lines == source_of(ENGLISH + "\n" + CHINESE).lines
    assert source.document_lines.tolist() == [2, 1, 2, 1]


@pytest.mark.parametrize("size", [1, 5_000, 300_000])
def test_has_the_size_asked_for(sample: Source, size: int) -> None:
    longest = max(map(len, sample.lines)) * sample.document_lines.max()
    assert size <= len(text_of(sample, size).encode()) <= size + longest


def test_goes_on_over_chunks(sample: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "_CHUNK_BYTES", 50_000)
    text = text_of(sample, 300_000)
    assert len(list(corpus_chunks(sample, 300_000))) > 3
    assert not text.startswith("\n")
    assert "\n\n\n" not in text
    documents = documents_of(text)
    assert len(set(documents)) == len(documents)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "one\n", "1\n", "甲乙\n"])
def test_documents_all_differ(text: str) -> None:
    documents = documents_of(text_of(source_of(text), 40_000))
    assert len(documents) > 100
    assert len(set(documents)) == len(documents)


def test_lines_are_those_of_the_text_but_for_a_few_words() -> None:
    source = source_of(ENGLISH)
    lines = [
        line for each in documents_of(text_of(source, 60_000)) for line in each.split("\n")[1:]
    ]
    known = {line.decode().removesuffix("\n") for line in source.lines}
    assert set(lines) > known
    shapes = {re.sub("[A-Za-z]{2,}", "w", line) for line in known}
    assert {re.sub("[A-Za-z]{2,}", "w", line) for line in lines} == shapes
    words = list(itertools.chain.from_iterable(re.findall("[A-Za-z]{2,}", line) for line in lines))
    old = set(re.findall("[A-Za-z]{2,}", ENGLISH))
    assert (
        0.5 * GENERATED_SHARE < np.mean([word not in old for word in words]) < 1.2 * GENERATED_SHARE
    )


def test_chinese_words_are_coined_of_the_characters_there_are() -> None:
    text = text_of(source_of(CHINESE), 60_000)
    assert set(text) <= set(CHINESE) | set("甲乙")
    pairs = set(re.findall("[\u4e00-\u9fa5]{2}", text))
    assert len(pairs) > 3 * len(set(re.findall("[\u4e00-\u9fa5]{2}", CHINESE)))


def test_the_vocabulary_keeps_growing(sample: Source) -> None:
    words = re.findall("[a-z]{2,}", text_of(sample, 2_000_000))
    quarters = [set(part.tolist()) for part in np.array_split(np.array(words), 4)]
    for number in range(1, 4):
        seen = set().union(*quarters[:number])
        assert len(quarters[number] - seen) > 500


def test_one_seed_is_one_corpus(sample: Source, tmp_path: Path) -> None:
    size = write_corpus(tmp_path / "a", sample, 100_000, seed=7)
    written = (tmp_path / "a").read_bytes()
    assert size == len(written)
    assert written.decode() == text_of(sample, 100_000, seed=7)
    assert written.decode() != text_of(sample, 100_000, seed=8)


@given(st.lists(st.integers(0, 1 << 42), unique=True, max_size=50), st.integers(2, 100))
def test_spells_different_numbers_differently(numbers: list[int], base: int) -> None:
    units = np.stack([np.arange(base), np.arange(base)], axis=1).astype(np.uint8)
    words = corpus._spell(np.array(numbers, np.int64), units)
    for number, word in zip(numbers, words, strict=True):
        value = 0
        for digit in word[::2]:
            value = value * base + digit
        assert value == number + base
        assert word[::2] == word[1::2]


def test_a_corpus_is_cut_between_documents(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    documents = [f"document {number}\n" for number in range(40)]
    corpus.write_text("\n".join(documents))
    pattern = split_corpus(corpus, 7)
    assert pattern.name == "*.txt"
    files = [path.read_text() for path in sorted(pattern.parent.iterdir())]
    assert len(files) == 7
    assert "".join(files) == corpus.read_text()
    assert all(text.startswith("document") for text in files)
