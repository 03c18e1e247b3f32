import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import ShardId, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking
from tests.support.synthetic_builds import build_batches, settings_for
from transforms.arrays.ragged import offsets_of
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import changed
from transforms.windows.line_rows import LineRows, cut_lines

VOCABULARY = Vocabulary(
    size=100,
    roles={"sep": 0, "cls": 1, "unk": 2},
    names={"sep": "</s>", "cls": "<s>", "unk": "<unk>"},
    sha256="",
)
END, UNKNOWN = 0, 2


def packed(lines: list[list[list[int]]], most: int, *, line_ends: bool) -> StreamPacking:
    """Packs lines of sentences of ids, all of one document."""
    sentences = [sentence for line in lines for sentence in line]
    tokens = Tokens(
        ids=np.array([each for sentence in sentences for each in sentence], np.uint16),
        sentence_offsets=offsets_of(np.array([len(each) for each in sentences], np.int64)),
        document_offsets=np.array([0, len(sentences)]),
        ends_line=np.array(
            [number == len(line) - 1 for line in lines for number in range(len(line))], np.bool_
        ),
        exact_path="library",
    )
    part = LineRows(line_ends=line_ends)
    return part.pack(tokens, most, VOCABULARY, np.random.Generator(np.random.PCG64(0)))


def rows_of(found: StreamPacking) -> list[list[int]]:
    ids = found.tokens.ids.tolist()
    return [ids[begin:end] for begin, end in found.windows.tolist()]


def test_a_row_is_a_line_without_unknown_words() -> None:
    lines = [[[3, UNKNOWN, 4], [5]], [[UNKNOWN]], [[6]]]
    found = packed(lines, 10, line_ends=False)
    assert rows_of(found) == [[3, 4, 5], [6]]
    assert found.drawn == {
        "words.known": 4,
        "words.unknown": 2,
        "words.lines": 3,
        "words.lines_left_out": 1,
    }
    assert found.left_out == 1


def test_the_end_of_a_line_is_a_word() -> None:
    lines = [[[3, UNKNOWN, 4], [5]], [[UNKNOWN]], [[6]]]
    assert rows_of(packed(lines, 10, line_ends=True)) == [[3, 4, 5, END], [6, END]]


def test_long_lines_are_cut_and_lose_nothing() -> None:
    line = list(range(3, 14))
    assert rows_of(packed([[line], [[20]]], 4, line_ends=False)) == [
        [3, 4, 5, 6],
        [7, 8, 9, 10],
        [11, 12, 13],
        [20],
    ]
    assert rows_of(packed([[line[:4]]], 4, line_ends=True)) == [[3, 4, 5, 6], [END]]


@given(
    st.lists(st.lists(st.integers(2, 9), min_size=1, max_size=12), min_size=1, max_size=8),
    st.integers(1, 5),
    st.booleans(),
)
def test_rows_are_those_of_the_plain_rule(
    lines: list[list[int]], most: int, line_ends: bool
) -> None:
    expected = []
    for line in lines:
        known = [each for each in line if each != UNKNOWN]
        known += [END] if known and line_ends else []
        expected += [known[at : at + most] for at in range(0, len(known), most)]
    assert rows_of(packed([[line] for line in lines], most, line_ends=line_ends)) == expected


def test_no_line_makes_no_window() -> None:
    assert cut_lines(np.empty(0, np.int64), 3).shape == (0, 2)


@pytest.mark.parametrize("name", ["cbow", "skipgram", "fasttext", "glove"])
def test_words_of_text_become_rows(name: str) -> None:
    recipe = changed(OBJECTIVES[name], {"max_seq_length": 6})
    settings = settings_for(recipe)
    lines = [["ba ba, be.", "unheard words"], ["我们 研究 机器学习 的 方法。"]]
    [batch] = build_batches(settings, ShardId("train", 0, 1), lines)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(settings.tokenizer_json)
    rows = [[tokenizer.id_to_token(each) for each in row] for row in batch["input_ids"].to_pylist()]
    words = [word for row in rows for word in row if word != "</s>"]
    known = set(tokenizer.get_vocab())
    expected = ["ba", "ba", ",", "be", ".", "我们", "研究", "机器", "学习", "的", "方法", "。"]
    assert sorted(words) == sorted(word for word in expected if word in known)
    assert len(words) >= 8
    assert max(map(len, rows)) <= 6
    assert any(row[-1] == "</s>" for row in rows) == (name == "fasttext")
