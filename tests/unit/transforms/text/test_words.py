import gzip
import itertools
from pathlib import Path

import jieba
import numpy as np
import pytest
import rjieba
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import WORD_BEGINS, WORD_INSIDE, ShardText
from transforms.text import words
from transforms.text.normalize import normalize_texts
from transforms.text.words import Segmenter, annotate_words, load_segmenter

BEGINS, INSIDE = str(WORD_BEGINS), str(WORD_INSIDE)


def marks_of(text: str, segmenter: Segmenter) -> np.ndarray:
    data = np.frombuffer((text + "\n").encode(), np.uint8)
    marked = annotate_words(ShardText(data=data, document_starts=np.zeros(1, np.int64)), segmenter)
    assert marked.word_marks is not None
    return marked.word_marks


def shown(text: str, segmenter: Segmenter) -> str:
    """Writes the mark of every character: 1 begins a word, 2 is inside one, 0 has none."""
    marks = marks_of(text, segmenter)
    first_bytes = itertools.accumulate((len(c.encode()) for c in text), initial=0)
    return "".join(str(marks[at]) for at in first_bytes)


@pytest.mark.parametrize("name", ["jieba", "rjieba"])
@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("我们的大学", "12112" + "1"),
        ("TiDB 集群", "00000" + "12" + "1"),
        ("TiDB集群", "0000" + "12" + "1"),
        # A word without an ideograph has no mark of its own, but begins where the other one ends.
        ("3.5倍", "000" + "1" + "1"),
        ("集群TiDB是", "12" + "1000" + "1" + "1"),
        ("卡拉OK和T恤", "12" + "10" + "1" + "12" + "1"),
        ("的😀。的", "1" + "1" + "0" + "1" + "1"),
        ("ＡＢＣ中国１２３", "000" + "12" + "100" + "0"),
        ("㐂龘𠀀", "1" + "1" + "1" + "1"),
        ("the cat", "0000000" + "0"),
        ("カタカナ", "0000" + "0"),
        ("集群\nthe cat\n的", "12" + "1" + "0000000" + "0" + "1" + "1"),
    ],
)
def test_marks(text: str, marks: str, name: str) -> None:
    assert shown(text, Segmenter(name)) == marks


def test_marks_stand_on_the_first_byte_of_a_character() -> None:
    assert marks_of("我们", Segmenter("rjieba")).tolist() == [1, 0, 0, 2, 0, 0, 1]


def test_a_user_dictionary() -> None:
    text = "小鱼干真好吃"
    assert shown(text, Segmenter("jieba")) != "122" + "1" + "12" + "1"
    words_of_mine = Segmenter(user_dict="小鱼干 100000 n\n\n好吃\n")
    assert words_of_mine.resolved == "jieba"
    assert shown(text, words_of_mine) == "122" + "1" + "12" + "1"
    # Nobody else's segmenter has learnt the word.
    assert shown(text, Segmenter("jieba")) != "122" + "1" + "12" + "1"


def test_which_segmenter() -> None:
    assert Segmenter().resolved == "rjieba"
    assert Segmenter("jieba").resolved == "jieba"
    with pytest.raises(ValueError, match="must be one of auto, rjieba, jieba, got 'ltp'"):
        Segmenter("ltp")
    with pytest.raises(ValueError, match="a user dictionary needs segmenter 'jieba'"):
        Segmenter("rjieba", "词")


LINES = st.lists(
    st.sampled_from(
        [
            *("我们的集群", "中国", "TiDB", "the", " ", ".", "3.5倍"),
            *("T恤", "㐂", "𠀀", "😀", "龘", "。"),
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@pytest.mark.parametrize(("block", "gap"), [(40, 10), (4 << 20, 0), (4 << 20, 1000)])
@given(lines=st.lists(LINES, min_size=1, max_size=12))
def test_blocks_of_lines_are_marked_as_lines(block: int, gap: int, lines: list[str]) -> None:
    text = normalize_texts(["\n".join(lines).encode()])[0].decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "BLOCK_BYTES", block)
        patch.setattr(words, "GAP_BYTES", gap)
        together = shown(text, Segmenter("rjieba"))
    # A line's end is marked if a word ends there, so the lines' marks follow one another.
    assert together == "".join(slowly(line) for line in text.split("\n"))


def slowly(line: str) -> str:
    marks = ["0"] * (len(line) + 1)
    begin = 0
    for word in rjieba.cut(line):
        end = begin + len(word)
        if any("㐀" <= c <= "鿿" or "𠀀" <= c <= "𪛟" for c in word):
            marks[begin : end + 1] = [BEGINS, *INSIDE * (len(word) - 1), BEGINS]
        begin = end
    return "".join(marks)


NASTY = [
    *("中国", "我们的", "TiDB集群", "3.5倍", "½", "㈱", "한국어", "العربية", "😀", "👨\u200d👩"),
    *("字\ufe00", "\u200b", "\ufeff", "\u0301", "𠀀", "1.2.3", "C++", "ＡＢＣ", "a-b", "…"),
    *("+", "#", "&", ".", "_", "%", "-", "“好”", "U.S.", "\ue000", " ", "\n"),
]


def test_a_segmenter_that_loses_text_is_told() -> None:
    data = np.frombuffer("电影".encode(), np.uint8)
    with pytest.raises(ValueError, match="have 3 bytes, but the text has 6"):
        words._mark(data, np.zeros(6, np.uint8), lambda _: ["电"])


@pytest.mark.parametrize("name", ["jieba", "rjieba"])
@given(parts=st.lists(st.sampled_from(NASTY), max_size=15))
def test_the_pieces_are_the_text(name: str, parts: list[str]) -> None:
    text = "".join(parts)
    assert "".join(load_segmenter(Segmenter(name))(text)) == text


def test_the_port_agrees_with_the_original_between_ideographs(shared_data: Path) -> None:
    with gzip.open(shared_data / "zh_docs.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, 0, None, 3)]
    text = "\n".join(lines)
    tokenizer = jieba.Tokenizer()
    borders = []
    for cut in (tokenizer.lcut, rjieba.cut):
        border = np.zeros(len(text) + 1, np.bool_)
        border[np.cumsum([0, *map(len, cut(text))])] = True
        borders.append(border[1:-1])
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    ideograph = (codes >= 0x4E00) & (codes <= 0x9FFF)
    between = ideograph[1:] & ideograph[:-1]
    differ = (borders[0] != borders[1]) & between
    assert between.sum() > 100_000
    assert differ.sum() <= between.sum() / 100_000
