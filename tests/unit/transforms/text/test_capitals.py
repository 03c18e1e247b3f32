import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers

from pipelines.build import main as build
from schemas.documents import document_batch
from schemas.records import Tokens
from tests.oracles.token_labels import capitals_of
from tests.support.sample_builds import SAMPLE, tokenizer_file
from tests.support.synthetic_builds import tokenizer_json
from transforms.arrays.randomness import rng_for
from transforms.labels.token_labels import CapitalLetters
from transforms.records.shard_text import join_documents
from transforms.text.capitals import any_in_range, upper_case_mask
from transforms.text.normalize import normalize_texts
from transforms.text.sentences import SENTENCE_RULES
from transforms.tokens.tokenize_text import TextEncoder

TEXT = st.text(st.sampled_from("aAbBzZ éÉßẞǅİıΣσ我ＡａД𝐀𐐀.,-\u0301"), min_size=1, max_size=40)


def marked(text: str) -> list[int]:
    return np.flatnonzero(upper_case_mask(np.frombuffer(text.encode(), np.uint8))).tolist()


def test_upper_case_letters_of_one_to_four_bytes() -> None:
    assert marked("aBc É我Ⓐ𐐀x") == [1, 4, 9, 12]
    assert marked("我们 lower é ß ，") == []
    assert marked("") == []


@given(TEXT)
def test_the_same_characters_as_python_has(text: str) -> None:
    starts = np.cumsum([0, *(len(each.encode()) for each in text)]).tolist()
    assert marked(text) == [at for at, each in zip(starts, text, strict=False) if each.isupper()]


def test_every_character_there_is() -> None:
    points = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    text = "".join(map(chr, points))
    sizes = [len(each.encode()) for each in text]
    starts = np.cumsum([0, *sizes])[:-1]
    expected = starts[[each.isupper() for each in text]]
    assert marked(text) == expected.tolist()


def test_a_range_is_marked_if_one_of_its_bytes_is() -> None:
    marks = np.zeros(12, np.bool_)
    marks[[2, 11]] = True
    begins, ends = np.array([0, 2, 2, 7, 9, 2]), np.array([2, 3, 6, 9, 12, 2])
    assert any_in_range(begins, ends, marks).tolist() == [False, True, True, False, True, False]


def encoded(tokenizer: Tokenizer, documents: list[str], *, words: bool = False) -> Tokens:
    texts = normalize_texts([text.encode() for text in documents])
    text = join_documents([document_batch(texts)], deduplicate=False)
    text = dataclasses.replace(text, sentence_starts=SENTENCE_RULES["lines"](text.data))
    if words:
        text = dataclasses.replace(text, word_marks=np.zeros(len(text.data), np.uint8))
    encoder = TextEncoder(tokenizer.to_str(), positions=words, capitals=True)
    return encoder.encode(text, rng_for(0, "check"))


def expected(tokenizer: Tokenizer, documents: list[str]) -> list[int]:
    texts = normalize_texts([text.encode() for text in documents])
    joined = join_documents([document_batch(texts)], deduplicate=False).data.tobytes().decode()
    return [each for line in joined.splitlines() for each in capitals_of(tokenizer, line)]


@given(documents=st.lists(TEXT, min_size=1, max_size=8), words=st.booleans())
def test_labels_are_those_of_the_offsets(documents: list[str], words: bool) -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json())
    tokens = encoded(tokenizer, documents, words=words)
    assert tokens.exact_path == "word_table"
    assert tokens.annotations["capitals"].tolist() == expected(tokenizer, documents)


def test_the_library_gives_the_same_labels() -> None:
    """A normalizer that splitting does not know goes through the library."""
    tokenizer = Tokenizer.from_str(tokenizer_json())
    documents = ["The BOOK of Sand\nand Éric, Ann-Marie 我们 IT\n", "lower\nUPPER"]
    table = encoded(tokenizer, documents)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.BertNormalizer(), normalizers.Replace("qqq", "q")]
    )
    library = encoded(tokenizer, documents)
    assert (table.exact_path, library.exact_path) == ("word_table", "library")
    assert table.ids.tolist() == library.ids.tolist()
    marks = table.annotations["capitals"]
    assert marks.tolist() == library.annotations["capitals"].tolist()
    assert 0 < marks.sum() < len(marks)


def test_nobody_asks_nothing_is_found() -> None:
    text = join_documents([document_batch([b"A\n"])], deduplicate=False)
    text = dataclasses.replace(text, sentence_starts=np.array([0]))
    found = TextEncoder(tokenizer_json(), positions=False).encode(text, rng_for(0, "check"))
    assert found.annotations == {}


def test_a_tokenizer_that_keeps_capitals_is_refused() -> None:
    labels = CapitalLetters()
    labels.check_tokenizer(tokenizer_json())
    cased = json.loads(tokenizer_json())
    cased["normalizer"]["lowercase"] = False
    cased["normalizer"]["strip_accents"] = False
    with pytest.raises(ValueError, match="keeps upper-case letters, so there is nothing"):
        labels.check_tokenizer(json.dumps(cased))
    with pytest.raises(ValueError, match="build another recipe"):
        labels.check_tokenizer(tokenizer_file("bpe").read_text("utf-8"))


def test_the_build_refuses_it_before_it_reads_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["ernie2-capitals", "--input", f"{SAMPLE}/*.txt"]
    arguments += ["--tokenizer", str(tokenizer_file("bpe")), "--output", str(tmp_path / "data")]
    assert build(arguments) == 2
    assert "the tokenizer keeps upper-case letters" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
