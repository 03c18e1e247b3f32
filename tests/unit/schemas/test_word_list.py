import numpy as np
import pytest
from tokenizers import Tokenizer

from schemas.vocabulary import read_vocabulary
from schemas.word_list import WordList, WordListError, is_word_list, read_word_list

WORDS = WordList(["the", "a", "b", "中"], np.array([5, 2, 2, 2]), lines=3)
TEXT = "the 5\n</s> 3\na 2\nb 2\n中 2\n"


def test_a_list_is_written_by_count_and_bytes_and_read_again() -> None:
    assert WORDS.text == TEXT
    found = read_word_list(TEXT)
    assert (found.words, found.counts.tolist(), found.lines) == (WORDS.words, [5, 2, 2, 2], 3)


def test_any_order_of_lines_is_the_same_list() -> None:
    shuffled = "b 2\r\n中 2\r\n\r\n</s> 3\r\nthe 5\r\na 2"
    assert read_word_list(shuffled).text == TEXT


def test_ids_follow_the_list() -> None:
    tokenizer = Tokenizer.from_str(WORDS.tokenizer_json)
    assert tokenizer.encode("b the 中 other a").ids == [5, 3, 6, 2, 4]
    vocabulary = read_vocabulary(WORDS.tokenizer_json, counts=WORDS.counts_json, of_words=True)
    assert vocabulary.roles == {"sep": 0, "cls": 1, "unk": 2}
    assert vocabulary.counts is not None
    assert dict(vocabulary.counts.counts) == {0: 3, 3: 5, 4: 2, 5: 2, 6: 2}
    assert vocabulary.size == 7


def test_what_a_build_keeps_is_read_again() -> None:
    vocabulary = read_vocabulary(WORDS.tokenizer_json, counts=WORDS.counts_json, of_words=True)
    assert vocabulary.counts is not None
    again = read_vocabulary(WORDS.tokenizer_json, counts=vocabulary.counts.json, of_words=True)
    assert again.counts is not None
    assert again.counts.sha256 == vocabulary.counts.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no word"),
        ("</s> 3\n", "no word"),
        ("a 2\na 3\n", "'a' comes twice"),
        ("a 2\nb\n", "line 2 is not a word, one space and a count"),
        ("a 2\nb c 3\n", "line 2 is not a word, one space and a count"),
        ("a 2\n 3\n", "line 2 is not a word"),
        ("a\t2\n", "line 1 is not a word"),
        ("a 0\n", "count of 'a' must be a whole number of at least 1"),
        ("a -1\n", "count of 'a' must be a whole number of at least 1"),
        ("a 1.5\n", "count of 'a' must be a whole number of at least 1"),
        ("a ٣\n", "count of 'a' must be a whole number of at least 1"),
        (f"a {1 << 63}\n", "count of 'a' must be a whole number"),
        ("a 1\n<unk> 4\n", "'<unk>' stands for what is no word"),
        ("a 1\n<s> 4\n", "'<s>' stands for what is no word"),
    ],
)
def test_what_is_no_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(WordListError, match=message):
        read_word_list(text)


def test_lines_may_be_unknown() -> None:
    assert read_word_list("a 1\n</s> 0\n").lines == 0
    assert read_word_list("a 1\n").lines == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [("the 5\na 2\n", True), ("the 5", True), ("{\n", False), ("", False), ("the\t5\n", False)],
)
def test_a_list_is_told_from_other_files(text: str, found: bool) -> None:
    assert is_word_list(text) == found
