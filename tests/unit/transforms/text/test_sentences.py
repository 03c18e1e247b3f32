import itertools

import numpy as np
import pytest

from transforms.text.sentences import SENTENCE_RULES, line_starts, sentence_starts


def cut(text: str) -> str:
    """Cuts one line and writes a bar at each boundary."""
    data = np.frombuffer((text + "\n").encode(), np.uint8)
    borders = [*sentence_starts(data), len(data) - 1]
    return "|".join(
        data[begin:end].tobytes().decode() for begin, end in itertools.pairwise(borders)
    )


ENGLISH = [
    # Plain ends.
    "He left.| She stayed.",
    "Why?| Because.| Stop!| Now.",
    "What?!| Yes.",
    "One.| 2 came.| 3 went.",
    "It is .| Then it is not .",
    # Closing and opening marks.
    '"He left."| She stayed.',
    "“He left.”| “She stayed.”",
    "(He left.)| [She stayed.]| Good.",
    "“She said ‘no!’”| (He heard.)",
    'He said, "Go."| "Where?" she thought',
    "“Really?” she said.| “Yes!” he cried.",
    "He left.)]}”| Four closing marks.",
    "He left.)]}”) Five closing marks.",
    "He left.| “‘(Three opening marks.",
    "He left. “‘([Four opening marks.",
    "Is it Mr?.| Fox",
    # Lower case goes on.
    "The file main.c. and others.",
    "Oh! my dear.| What? no.",
    "He came at 5 p.m. and left.",
    "He came at 5 p.m.| She left at 6 a.m.| Then.",
    "Apples, pears etc. are fruit, etc.| They grow.",
    "Acme Inc. said so.| I know Acme Inc.| The end.",
    # Abbreviations.
    "Mr. Fox met Mrs. Hen and Dr. Owl, Jr. Hare.",
    "MR. FOX CAME.| HE LEFT.",
    "Prof. X saw St. Clair vs. Ohio, cf. Smith et al. Again.",
    "“Mr. Fox?”| (Mrs. Hen.)| ‘Dr. Owl.’",
    "Sir Col. Capt. Lt. Sgt. Rev. Hon. Gen. Lee",
    "See Fig. A and Vol. II and pp. 5.| The end.",
    "No. 5 is alive.| No.| He said no.| We met.",
    "It was Jan. 5 then.| In Jan.| We met.",
    "It cost approx. 5 and ca. 1900.",
    "The house of Roe v. Wade.",
    "They are fast.| Most cars.| The mast.| We",
    "It is a señal.| The end.",
    # Initials.
    "J. K. Rowling and J.R.R. Tolkien wrote.| I read.",
    "The U.S. Army and the U. S. A. are big.",
    "J.-P. Sartre and É. Zola and Л. Н. Толстой.",
    "My friend and I.| We left with J. I. Packer.",
    "I use AT&T.| We use 3D.| You use main.c.| It is x.| Then",
    "Take e.g. Rome, i.e. Rome, w.r.t. Rome, (e.g.) Rome.",
    'It is signed "J. O."| Then he left.',
    "(U.S.) Army",
    # Enumerations.
    "1. Introduction",
    "12. Introduction.| It was in 2010.| We met.",
    "2.1.3. Title",
    "IV. THE END",
    "a. Red",
    "A. Red",
    "We saw IV.| Then",
    # No space, no boundary.
    "See www.example.com/A.html or 3.14 or file.Txt or a.B",
    # Ellipses.
    "He waited... and then left.| She waited...| He came.",
    "He waited… and then left.| She waited…| He came.",
    "... Then he left.",
    "INSERT INTO t ... SELECT",
    "He waited . . . and left . . .| Then",
    "I... I don't know.| “I?...| I see.”",
    # Other letters.
    "He left.| Élan came.| Łódź came.| Öl came.| Мир.| Ωμ.| Ấn.| Ⅷ.",
    "He left. élan. łódź. öl. мир. ωμ. ấn.",
    "He left.| 你好",
    # Punctuation that goes on.
    "Wow! - yes.| Who? – he.| Why? , so.",
    "Great!| 😀 I love it.",
    "Is it (?) here, (!) or '!' or \"?\" Here",
    'He said "Yes! "',
    'Wow! ") Yes',
]

CHINESE = [
    "他走了。|她没走。",
    "真的？|真的！|好；|不好。",
    "什么？！|好！！！|走。。。|来",
    "他说：“你好。”|她没说。",
    "“你好！”，他说。",
    "“你好！”：他说。",
    "“你好！”——他说。",
    "“你好！”|他说。",
    "「行。」|『不行。』|（真的。）|走",
    '他说"走。"|她走了。',
    "《怎么办？》是一本书。|我看了。",
    "“？”是问号，“。”是句号，（！）是叹号。",
    "\"！\"是叹号，'?'是问号。",
    # Ellipses.
    "他等着……|后来走了。",
    "他等着……，后来走了。",
    "他等着……ok",
    "他等着……| Then",
    "他等着…… then",
    "……他走了。",
    "“……我知道。”|她说。",
    "“我等着……”|她说。",
    "苹果、梨、……都是水果。",
    "我……我不知道。",
    "我想...|他不会来。",
    "SHOW ... 语句",
    # ASCII stops among Chinese.
    "你好!|他说?|我不知道;|走吧",
    '他说"好!"|我走了。',
    "Hello!|你好",
    "Hello!| 你好",
    "用 ? 代替 ! 和 ; 的值",
    "设置 a=on;控制 b; 然后",
    "你好;|他好;| 我",
    "字符 &lt;中文&gt;中文",
    "使用 Node.js.然后",
    "我用 TiDB.| 然后",
    # Spaces and neighbours.
    "他走了。| 她没走。",
    "他走了。| tiup 走了。|tiup 来了。|3 月",
    "他走了。|“你好”",
    "二. 介绍",
    "これは本です。|それも本です！|カメラ?|はい",
    "𠮷野家!|𠮷野。|𠮷",
    "他走了。）））））五个",
    "你好;”他走了",
    "𠮷……𠮷野",
    "好．不断",
]


@pytest.mark.parametrize("expected", ENGLISH)
def test_english(expected: str) -> None:
    assert cut(expected.replace("|", "")) == expected


@pytest.mark.parametrize("expected", CHINESE)
def test_chinese(expected: str) -> None:
    assert cut(expected.replace("|", "")) == expected


def test_positions_are_bytes_and_every_line_begins_a_sentence() -> None:
    data = np.frombuffer("好。 Élan.\nOne. Two.\n。\n".encode(), np.uint8)
    starts = sentence_starts(data)
    assert starts.tolist() == [0, 6, 14, 18, 24]
    assert starts.dtype == np.int64


def test_lines_are_sentences_when_asked() -> None:
    data = np.frombuffer("One. Two.\n三。四。\nFive\n".encode(), np.uint8)
    assert line_starts(data).tolist() == [0, 10, 23]
    assert {"rules": sentence_starts, "lines": line_starts} == SENTENCE_RULES


@pytest.mark.parametrize("name", sorted(SENTENCE_RULES))
def test_no_text_has_no_sentences(name: str) -> None:
    starts = SENTENCE_RULES[name](np.empty(0, np.uint8))
    assert starts.tolist() == []
    assert starts.dtype == np.int64


@pytest.mark.parametrize("name", sorted(SENTENCE_RULES))
def test_last_line_needs_its_line_feed(name: str) -> None:
    with pytest.raises(ValueError, match="must end with a line feed, got byte 46"):
        SENTENCE_RULES[name](np.frombuffer(b"One.\nTwo.", np.uint8))


def test_text_longer_than_a_block() -> None:
    line = "我走了。你来。\n".encode()
    data = np.frombuffer(line * 60_000, np.uint8)
    expected = np.arange(60_000)[:, None] * len(line) + np.array([0, 12])
    assert np.array_equal(sentence_starts(data), expected.ravel())


@pytest.mark.parametrize("mark", "＂＇〞〟］｝）｠｣」』】〕〗〙〛›»’”❜❞﹂﹄﹈﹚﹜﹞︶︸︺︼︘)]}⸥⸩")
def test_closing_marks_after_a_stop_belong_to_its_sentence(mark: str) -> None:
    assert cut(f"他说：你好。{mark}然后走了。") == f"他说：你好。{mark}|然后走了。"


@pytest.mark.parametrize("stop", "。！？；｡︒﹗﹖﹔︕︖︔!?‼⁇⁈⁉…⋯‥︙．﹒")
def test_stops_between_ideographs_end_a_sentence(stop: str) -> None:
    assert cut(f"他走了{stop}我也走。") == f"他走了{stop}|我也走。"
    assert cut(f"“他走了{stop}”我也走。") == f"“他走了{stop}”|我也走。"


@pytest.mark.parametrize(
    "marked",
    [
        "他说：＂你好。＂|然后走了。",
        "〝好！〞|他说。",
        "他走了．．．|我也走⋯⋯|他来。",
        "《走？》是书，︽走？︾也是。",
        "圆周率是３．１４。|３．５倍",
        "１．引言",
        "二十一．结论",
        "１２． 引言",
        "一．引言",
        "内容：１．引言２．方法",
        "Ｊ．Ｋ．罗琳和Ｊ．罗琳",
        "Ｕ．Ｓ． 军队",
        "＂？＂是问号",
        "我⋯⋯我不知道，⋯⋯都好",
        "好。－－他说",
        "What‼| Yes⁇ no.",
    ],
)
def test_full_width_stops_and_marks(marked: str) -> None:
    assert cut(marked.replace("|", "")) == marked
