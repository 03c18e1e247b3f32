"""Sentence rules against a slow reading of their table, line by line and character by character."""

import gzip
import itertools
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text.sentence_rules import CONTINUING, NUMBERED, TITLES
from transforms.text.sentences import line_starts, sentence_starts

EXCLAMATIONS = set("!?‼⁇⁈⁉")
ELLIPSES = set("…⋯‥︙")
DOTS = set(".．﹒")
STOPS = set(";。！？；｡︒﹗﹖﹔︕︖︔") | EXCLAMATIONS | ELLIPSES | DOTS
STRAIGHT = set("\"'＂＇")
TITLE_ENDS = set("》〉〉︾﹀")
JOINING = set(" ,:-–—―－︱，、：､﹐﹑﹕︐︑︓") | TITLE_ENDS
UNICODE_MARKS = {chr(point): unicodedata.ucd_3_2_0.category(chr(point)) for point in range(0x10000)}
OPENING = {mark for mark, kind in UNICODE_MARKS.items() if kind in ("Ps", "Pi")}
OPENING |= STRAIGHT | set("¿¡❛❝⸂⸄⸉⸌⸜⸠⸢⸤⸦⸨︗﹇")
CLOSING = {mark for mark, kind in UNICODE_MARKS.items() if kind in ("Pe", "Pf")} - TITLE_ENDS
CLOSING |= STRAIGHT | set("❜❞⸃⸅⸊⸍⸝⸡⸣⸥⸧⸩︘﹈")
NEVER_ENDS = {*TITLES.split(), *TITLES.upper().split(), *CONTINUING.split()}
BEFORE_DIGIT = set(NUMBERED.split())


def is_cjk(char: str) -> bool:
    point = ord(char)
    ranges = (
        (0x3005, 0x3007),
        (0x3040, 0x30FF),
        (0x3100, 0x312F),
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0xF900, 0xFAFF),
        (0xFF66, 0xFF9F),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF),
        (0x2F800, 0x2FA1F),
    )
    return any(low <= point <= high for low, high in ranges)


def category(char: str) -> str:
    known = ord(char) < 0x10000 and not is_cjk(char)
    return unicodedata.ucd_3_2_0.category(char) if known else ""


def is_upper(char: str) -> bool:
    return category(char) in ("Lu", "Lt")


def is_lower(char: str) -> bool:
    return category(char) == "Ll"


def is_in_word(char: str) -> bool:
    return category(char) in ("Lu", "Lt", "Ll", "Lo", "Nd", "Nl", "No")


def opens_sentence(char: str) -> bool:
    return is_cjk(char) or (is_in_word(char) and not is_lower(char))


def is_abbreviation(line: str, dot: int) -> bool:
    """Reads backwards from a dot that stands alone before a space; "" is before the line."""
    head = line[:dot]
    letters = ""
    while head[len(head) - len(letters) - 1 :][:1].isascii() and (
        head[: len(head) - len(letters)][-1:].isalpha()
    ):
        letters = head[len(head) - len(letters) - 1] + letters
    outside = head[: len(head) - len(letters)][-1:]
    if not (outside and is_in_word(outside)):
        if letters in NEVER_ENDS:
            return True
        if letters in BEFORE_DIGIT and category(line[dot + 2]) in ("Nd", "Nl", "No"):
            return True

    one, two, three, four = (head[-back:][:1] if len(head) >= back else "" for back in range(1, 5))
    if is_upper(one) and (two in ("", " ", ".", "-") or two in OPENING):
        return not (one == "I" and two == " " and three != ".")
    pair = three != "" and (is_upper(three) or is_lower(three))
    if is_lower(one) and two == "." and pair and not (four and is_in_word(four)):
        return three + two + one not in ("a.m", "p.m")

    if len(head) == 1:
        return True
    return len(head.encode()) < 8 and (
        set(head) <= set("0123456789.") or set(head) <= set("IVXLCDM")
    )


def is_counted(head: str) -> bool:
    """Says whether a full-width dot after this belongs to a number, abbreviation or enumeration."""
    if is_in_word(head[-1]) and category(head[-1]) != "Lo":
        return True
    return len(head) == 1 or (len(head) <= 4 and set(head) <= set("〇零一二三四五六七八九十百"))


def goes_on(line: str, begin: int, end: int, after: int, following: int) -> bool:
    """Says whether what stands around a run keeps any stop from ending a sentence."""
    before, next_ = line[begin - 1 : begin], line[following]
    if before == "" or next_ in STOPS or next_ in JOINING:
        return True
    if next_ in CLOSING and not (after < following and next_ in OPENING):
        return True
    quoted = before in OPENING and after > end
    return quoted and (before not in STRAIGHT or before == line[end])


def exclaims(before: str, spaced: bool, inner: str) -> bool:
    if is_cjk(inner):
        return before != " "
    return spaced and not (is_lower(inner) or inner in JOINING | CLOSING)


def ends_sentence(line: str, begin: int, end: int, after: int) -> bool:
    """Says whether the run of stops line[begin:end], closed until `after`, ends a sentence."""
    spaced = line[after] == " "
    following = opened = after + spaced
    while opened < following + 3 and line[opened] in OPENING:
        opened += 1
    before, next_, inner = line[begin - 1 : begin], line[following], line[opened]
    if inner == "\n" or goes_on(line, begin, end, after, following):
        return False
    match line[end - 1]:
        case ";":
            return after == end and is_cjk(next_) and is_cjk(before)
        case stop if stop in EXCLAMATIONS:
            return exclaims(before, spaced, inner)
        case stop if stop in ELLIPSES or (stop in DOTS and line[begin:end][-2:-1] in DOTS):
            stammer = line[begin] in ELLIPSES | DOTS and before == next_
            left_out = before in JOINING or before in OPENING - CLOSING
            ends = opens_sentence(inner) if spaced else is_cjk(inner)
            return ends and not stammer and not left_out
        case "．" | "﹒":
            ends = opens_sentence(inner) if spaced else is_cjk(inner)
            return ends and not is_counted(line[:begin])
        case ".":
            single = end - begin == 1 and line[end] in " )]}"
            return (
                spaced and opens_sentence(inner) and not (single and is_abbreviation(line, begin))
            )
    return True


def slow_line(line: str) -> list[int]:
    """Returns the characters of a line (with its line feed) where sentences begin."""
    starts, begin = [0], None
    for index, char in enumerate(line):
        if char not in STOPS:
            begin = None
            continue
        begin = index if begin is None else begin
        after = index + 1
        if line[after] in STOPS or line[after] == "\n":
            continue
        while after < index + 5 and line[after] in CLOSING:
            after += 1
        if line[after] != "\n" and ends_sentence(line, begin, index + 1, after):
            starts.append(after)
    return starts


def slow_starts(text: str) -> list[int]:
    starts, offset = [], 0
    for line in text.split("\n")[:-1]:
        encoded = 0
        cuts = [*slow_line(line + "\n"), len(line)]
        for begin, end in itertools.pairwise(cuts):
            starts.append(offset + encoded)
            encoded += len(line[begin:end].encode())
        offset += encoded + 1
    return starts


def as_bytes(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(text.encode(), np.uint8)


def normalised(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return "".join(line + "\n" for line in lines if line)


FRAGMENTS = [
    *" \n.!?;…。！？；,:-—，、：\"'()[“”‘’「」（）《》«»¿",
    *"．｡⋯‥︙‼⁇⁈⁉︒﹒﹗﹖﹔︕＂＇〞］｝｣﹂〗›〝［｛｢﹁〖‹»､﹐︾",
    *[
        "．．．",
        "⋯⋯",
        "３．１４",
        "１．",
        "\n一．",
        "\n二十一．",
        "Ｊ．",
        "。＂",
        "．＂",
        "。〞",
        "！］",
        "？｝",
    ],
    *["...", "……", ". . .", "?!", "！？", ".”", "!’”", "。”", "？》", ".)", "));", "''\"\"'"],
    *["Mr", "MR", "Messrs", "St", "vs", "cf", "Fig", "No", "no", "pp", "Jan", "approx", "al", "v"],
    *["e.g.", "i.e.", "U.S.", "p.m.", "P.M.", "a.m.", "Ph.D.", "J. K.", "etc.", "Inc.", "w.r.t."],
    *["He", "left", "I", "A", "m", "x", "B-", "main.c", "señ", "É", "éa", "Ł", "Д", "д", "Σ", "Ấ"],
    *["1", "23", "2010.", "3.14", "IV", "XIII", "٣", "①", "५", "Ⅳ", "９", "MIX"],
    *["我", "他说", "龥", "〇", "々", "の", "ﾊ", "𠮷", "안", "א", "ǅ", "😀", "☔", "ａ", "Ａ", "ª"],
    *[". ", "! ", "? ", "。 ", "… ", "; ", ".\n", "Mr. ", " I. ", "\n1. ", "\n二. "],
]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join).map(normalised)
any_texts = st.text(st.characters(codec="utf-8"), max_size=60).map(normalised)


@given(texts | any_texts)
def test_fast_rules_are_the_slow_rules(text: str) -> None:
    assert sentence_starts(as_bytes(text)).tolist() == slow_starts(text)


@given(texts)
def test_pieces_tile_the_text_and_say_something(text: str) -> None:
    data = as_bytes(text)
    starts = sentence_starts(data)
    pieces = [
        data[begin:end].tobytes().decode()
        for begin, end in itertools.pairwise([*starts, len(data)])
    ]
    assert "".join(pieces) == text
    assert all(piece.strip() for piece in pieces)
    assert starts.dtype == np.int64
    assert not len(data) or starts[0] == 0
    assert set(line_starts(data)) <= set(starts)


@given(st.lists(texts, max_size=4))
def test_lines_do_not_change_one_another(parts: list[str]) -> None:
    together = sentence_starts(as_bytes("".join(parts)))
    sizes = np.cumsum([0, *(len(part.encode()) for part in parts)])
    apart = [
        sentence_starts(as_bytes(part)) + size for part, size in zip(parts, sizes, strict=False)
    ]
    assert together.tolist() == [int(start) for starts in apart for start in starts]


@given(texts)
def test_line_starts_follow_line_feeds(text: str) -> None:
    lines = text.split("\n")[:-1]
    sizes = [0, *itertools.accumulate(len(line.encode()) + 1 for line in lines)]
    assert line_starts(as_bytes(text)).tolist() == sizes[:-1]


@pytest.mark.parametrize("name", ["en_books.txt.gz", "zh_docs.txt.gz", "zh_news_sample.txt"])
def test_fast_rules_are_the_slow_rules_on_real_text(shared_data: Path, name: str) -> None:
    raw = (shared_data / name).read_bytes()
    raw = gzip.decompress(raw) if name.endswith(".gz") else raw
    text = normalised(raw.decode(errors="ignore"))
    starts = sentence_starts(as_bytes(text)).tolist()
    assert starts == slow_starts(text)
    assert len(starts) > text.count("\n")
