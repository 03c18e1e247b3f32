"""Finds where sentences begin in English and Chinese text, by rules over UTF-8 bytes.

The text is normalised: every line ends with a line feed, none is empty, and white space inside a
line is single spaces. The sentences of a line tile it: a sentence that follows a space begins at
that space, so the tokens of its pieces are the tokens of the line.

A *run* is adjacent stops, of those in the table. Up to four closing quotes and brackets after it
belong to the sentence it ends. Then comes a space or nothing, then the *next* character. A * says
that up to three opening quotes and brackets are passed over to find it. The last stop of the run
decides:

| stop        | before a space, ends a sentence if next is   | without a space, if next is |
|-------------|----------------------------------------------|-----------------------------|
| .           | upper case, digit, CJK, a caseless letter *  | never                       |
| ． ﹒       | as for .                                     | CJK *                       |
| ! ? ‼ ⁇ ⁈ ⁉ | anything but lower case *                    | CJK *                       |
| … ⋯ ‥ ︙ .. | as for .                                     | CJK *                       |
| 。 ！ ？ ； | anything                                     | anything                    |
| ;           | CJK, if CJK stands right before and no closing mark after, in both cases   ||

｡ ︒ ﹗ ﹖ ﹔ ︕ ︖ ︔ are as 。 ！ ？ ；, and ．． is as "..". Closing marks are those of Unicode,
and straight quotes of half or full width. CJK is an ideograph or kana. In these places the
sentence goes on all the same:

| where                                                     | for example                     |
|-----------------------------------------------------------|---------------------------------|
| next is a stop, closing mark, comma, colon, dash or 》    | “好！”，他说 / 《走？》是书     |
| the run begins a line                                     | ... and then / ……他             |
| the run is alone in quotes or brackets                    | “？”是问号 / (!) / '!'          |
| … or .. after an opening mark                             | “……我知道                       |
| … or .. after a space or comma: something is left out     | SELECT ... FROM / 甲、……都      |
| … or .. between the same character twice: stammering      | 我……我不 / I... I see           |
| ! or ? after a space and before CJK: a placeholder        | 用 ? 代替                       |
| . after a title, or an abbreviation that goes on          | Mr. Fox / vs. Ohio / Fig. A     |
| . after an abbreviation, before a digit                   | No. 5 / Jan. 3 / pp. 7          |
| . after initials, but for "I" alone after a word          | J. K. Rowling / U.S. Army       |
| . after dotted small letters but a.m. and p.m.            | e.g. Rome / i.e. Rome           |
| ． after a digit or cased letter                          | ３．１４ / １．引言 / Ｊ．罗琳  |
| ． after a line's first character or Chinese number       | 一．引言 / 二十一．结论         |
| . after a line's first number, Roman number or character  | 1. Start / IV. THE END / a. Red |

These rules for . hold before a space or bracket, not before a closing quote. "etc.", "Inc.", "Co."
and "p.m." need none: they end a sentence unless lower case follows.

What this does not do: it knows no grammar.

* It goes on after a sentence that ends in a title or initials: "in the U.S. The", "plan B. We".
* It ends one between a quotation and its speaker, if he has a capital letter (“Stop!” Anna said)
  or is Chinese (“站住！”他说); at ； inside brackets; at numbers inside a line ("1. Red 2. Blue"
  ends after "2."); before a "Ltd." that follows "Co."
* Text in lower case or without stops stays whole, and "." never ends a sentence without a space
  after it, in Chinese either. Other scripts' stops (। ؟ ።) are not known.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from schemas.records import Bool, Bytes, Int64
from transforms.text import sentence_rules as rules
from transforms.text.sentence_rules import CJK, CLOSER, JOINER, LINE_END, OPENER, Flags

# More than any look backward or forward from a stop can reach.
MARGIN = 32
BLOCK_BYTES = 1 << 20
MAX_CLOSERS = 4
MAX_OPENERS = 3
SPACE, LINE_FEED, DOT = b" \n."


def line_starts(data: Bytes) -> Int64:
    """Returns where the lines begin: each line is one sentence.

    Args:
      data: uint8[N], text whose every line ends with a line feed.

    Returns:
      int64[L], ascending.

    Raises:
      ValueError: The last line has no line feed.
    """
    if not len(data):
        return np.empty(0, np.int64)
    if data[-1] != LINE_FEED:
        raise ValueError(
            f"text must end with a line feed, got byte {int(data[-1])}; end every line with one"
        )
    starts = np.flatnonzero(data == LINE_FEED) + 1
    starts[1:] = starts[:-1]
    starts[0] = 0
    return starts


def sentence_starts(data: Bytes) -> Int64:
    """Returns where the sentences begin, by the rules of this module.

    Args:
      data: uint8[N], valid UTF-8, normalised as this module expects.

    Returns:
      int64[S], ascending: every line start, and inside lines the first byte of each further
      sentence, which is its space if it follows one. What a line says does not change where
      another is cut.

    Raises:
      ValueError: The last line has no line feed.
    """
    lines = line_starts(data)
    margin = np.full(MARGIN, LINE_FEED, np.uint8)
    inside = _boundaries(np.concatenate([margin, data, margin])) - MARGIN
    return np.sort(np.concatenate([lines, inside]))


SENTENCE_RULES: dict[str, Callable[[Bytes], Int64]] = {
    "rules": sentence_starts,
    "lines": line_starts,
}


@dataclasses.dataclass(frozen=True, eq=False)
class _Runs:
    """Adjacent stops as bytes [begins, ends), and the kind of each run's last stop.

    The closing marks that follow a run end at `after`, which is where a sentence would begin.
    """

    begins: Int64
    ends: Int64
    kinds: Bytes
    after: Int64

    def where(self, chosen: Bool) -> "_Runs":
        return _Runs(self.begins[chosen], self.ends[chosen], self.kinds[chosen], self.after[chosen])


def _boundaries(text: Bytes) -> Int64:
    """Returns the boundaries inside the lines of text that has a margin of line feeds."""
    runs = _stop_runs(text)
    spaced = text[runs.after] == SPACE
    runs = runs.where((spaced | (runs.kinds != rules.PERIOD)) & (text[runs.ends] != LINE_FEED))
    runs = runs.where(_ends_sentence(text, runs))
    # A quotation that ends in an abbreviation ends: "from the U.S.A." Then
    unquoted = np.isin(text[runs.ends], np.frombuffer(b" )]}", np.uint8))
    single = runs.ends - runs.begins == 1
    dots = np.flatnonzero((runs.kinds == rules.PERIOD) & single & unquoted)
    return np.delete(runs.after, dots[_abbreviates(text, runs.begins[dots])])


def _stop_runs(text: Bytes) -> _Runs:
    starts, kinds = _stops(text)
    ends = starts + np.where(text[starts] < 0x80, 1, 3)
    apart = starts[1:] != ends[:-1]
    first = np.concatenate([[True], apart])[: len(starts)]
    last = np.concatenate([apart, [True]])[: len(starts)]
    is_dot = np.isin(kinds, [rules.PERIOD, rules.WIDE_PERIOD])
    # Two dots are an ellipsis.
    kinds[1:][is_dot[1:] & is_dot[:-1] & ~apart] = rules.ELLIPSIS
    begins, ends, kinds = starts[first], ends[last], kinds[last]
    return _Runs(begins, ends, kinds, _skip(text, ends, CLOSER, MAX_CLOSERS))


def _stops(text: Bytes) -> tuple[Int64, Bytes]:
    """Returns int64[T] first bytes of stops, ascending, and uint8[T] their kinds."""
    leads = {stop.encode()[0] for stop in rules.STOP_KINDS}
    found = []
    # Blocks that stay in the cache make the comparisons several times faster.
    for begin in range(0, len(text), BLOCK_BYTES):
        block = text[begin : begin + BLOCK_BYTES]
        is_lead = np.zeros(len(block), np.bool_)
        for lead in leads:
            is_lead |= block == lead
        found.append(np.flatnonzero(is_lead) + begin)
    starts = np.concatenate(found)
    points, _ = _code_points(text, starts)
    kinds = np.zeros(len(starts), np.uint8)
    for stop, kind in rules.STOP_KINDS.items():
        kinds[points == ord(stop)] = kind
    return starts[kinds > 0], kinds[kinds > 0]


def _ends_sentence(text: Bytes, runs: _Runs) -> Bool:
    """Says which runs end a sentence, abbreviations aside."""
    spaced = text[runs.after] == SPACE
    following = runs.after + spaced
    next_points, _ = _code_points(text, following)
    before_points, _ = _code_points(text, _before(text, runs.begins))
    opened = _classes(text, _skip(text, following, OPENER, MAX_OPENERS))
    next_, before = _flags(next_points), _flags(before_points)

    cjk, opens = (opened & CJK) > 0, (opened & rules.OPENS_SENTENCE) > 0
    not_lower = (opened & (rules.LOWER | JOINER | CLOSER)) == 0
    placeholder = cjk & (before_points == SPACE)
    bare = runs.after == runs.ends
    begin_points, _ = _code_points(text, runs.begins)
    pure = np.isin(begin_points, [ord(dot) for dot in rules.DOTS])
    stammer = pure & (before_points == next_points)
    left_out = ((before & JOINER) > 0) | ((before & (OPENER | CLOSER)) == OPENER)
    ends = np.zeros(len(spaced), np.bool_)
    for kind, rule in (
        (rules.PERIOD, spaced & opens),
        (rules.EXCLAMATION, np.where(spaced, not_lower, cjk) & ~placeholder),
        (rules.ELLIPSIS, np.where(spaced, opens, cjk) & ~stammer & ~left_out),
        (rules.FULL_STOP, True),
        (rules.WIDE_PERIOD, np.where(spaced, opens, cjk) & ~_counts(text, runs.begins)),
        (rules.SEMICOLON, bare & ((next_ & before & CJK) > 0)),
    ):
        ends |= (runs.kinds == kind) & rule

    closes = ((next_ & CLOSER) > 0) & ~(spaced & ((next_ & OPENER) > 0))
    joined = ((next_ & (rules.STOP | JOINER)) > 0) | ((opened & LINE_END) > 0)
    closing_points, _ = _code_points(text, runs.ends)
    pair = ((before & CLOSER) == 0) | (before_points == closing_points)
    quoted = ((before & OPENER) > 0) & ~bare & pair
    return ends & ~(closes | joined | quoted) & ((before & LINE_END) == 0)


def _counts(text: Bytes, dots: Int64) -> Bool:
    """Says which full-width dots belong to a number, an abbreviation or an enumeration."""
    at = _before(text, dots)
    found = (_classes(text, at) & (rules.UPPER | rules.LOWER | rules.DIGIT)) > 0
    found |= text[at - 1] == LINE_FEED
    only_numerals = np.ones(len(dots), np.bool_)
    for _ in range(rules.MOST_NUMERALS):
        only_numerals &= (_classes(text, at) & rules.NUMERAL) > 0
        found |= only_numerals & (text[at - 1] == LINE_FEED)
        at = _before(text, at)
    return found


def _abbreviates(text: Bytes, dots: Int64) -> Bool:
    """Says which single dots before a space belong to an abbreviation, initial or enumeration."""
    window = text[dots[:, None] - np.arange(1, rules.KEY_BYTES + 1)]  # uint8[D, 8], backwards
    is_letter = ((window | 0x20) >= ord("a")) & ((window | 0x20) <= ord("z"))
    in_word = np.logical_and.accumulate(is_letter, axis=1)
    before_word = _classes(text, _before(text, dots - in_word.sum(axis=1)))
    whole = (before_word & rules.IN_WORD) == 0
    keys = rules.word_keys(window * in_word)
    never, numbered = rules.abbreviation_keys()
    has_digit = (_classes(text, dots + 2) & rules.DIGIT) > 0
    listed = _is_in(keys, never) | (_is_in(keys, numbered) & has_digit)
    return (whole & listed) | _is_initial(text, dots) | _enumerates(text, dots, window)


def _is_initial(text: Bytes, dots: Int64) -> Bool:
    """Says which dots follow a single letter: an initial, or the last of "e.g."."""
    letter = _before(text, dots)
    previous = _before(text, letter)
    earlier = _before(text, previous)
    letter_class, previous_class = _classes(text, letter), _classes(text, previous)
    earlier_class, first_class = _classes(text, earlier), _classes(text, _before(text, earlier))

    dotted = text[previous] == DOT
    alone = dotted | (text[previous] == SPACE) | (text[previous] == ord("-"))
    alone |= (previous_class & (LINE_END | OPENER)) > 0
    pronoun = (text[letter] == ord("I")) & (text[previous] == SPACE) & (text[earlier] != DOT)
    capital = ((letter_class & rules.UPPER) > 0) & alone & ~pronoun

    pair = ((earlier_class & (rules.UPPER | rules.LOWER)) > 0) & (
        (first_class & rules.IN_WORD) == 0
    )
    half_day = (text[letter] == ord("m")) & np.isin(text[earlier], [ord("a"), ord("p")])
    small = ((letter_class & rules.LOWER) > 0) & dotted & pair & ~half_day
    return capital | small


def _enumerates(text: Bytes, dots: Int64, window: Bytes) -> Bool:
    """Says which dots end a number, Roman number or single character that begins a line."""
    in_line = np.logical_and.accumulate(window != LINE_FEED, axis=1)
    begins_line = ~in_line[:, -1]
    number = ((window >= ord("0")) & (window <= ord("9"))) | (window == DOT)
    roman = np.isin(window, np.frombuffer(b"IVXLCDM", np.uint8))
    only = (number | ~in_line).all(axis=1) | (roman | ~in_line).all(axis=1)
    return (begins_line & only) | (text[_before(text, dots) - 1] == LINE_FEED)


def _is_in(keys: rules.Keys, table: rules.Keys) -> Bool:
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return table[at] == keys


def _skip(text: Bytes, at: Int64, flag: int, limit: int) -> Int64:
    """Moves each position past up to `limit` characters that have the flag."""
    at = at.copy()
    moving = np.arange(len(at))
    for _ in range(limit):
        points, lengths = _code_points(text, at[moving])
        has_flag = (_flags(points) & flag) > 0
        moving = moving[has_flag]
        at[moving] += lengths[has_flag]
    return at


def _before(text: Bytes, at: Int64) -> Int64:
    """Returns the first byte of the character that ends before each position."""
    previous = at - 1
    for _ in range(3):
        previous -= (text[previous] & 0xC0) == 0x80
    return previous


def _code_points(text: Bytes, at: Int64) -> tuple[Int64, Int64]:
    """Decodes the character at each position; returns its code point and length in bytes."""
    points = text[at].astype(np.int64)
    lengths = np.ones(len(at), np.int64)
    wide = np.flatnonzero(points >= 0xC0)
    lead, wide_at = points[wide], at[wide]
    more = (lead >= 0xC0).astype(np.int64) + (lead >= 0xE0) + (lead >= 0xF0)
    value = lead & (0x3F >> more)
    for step in range(1, 4):
        value = np.where(more >= step, (value << 6) | (text[wide_at + step] & 0x3F), value)
    points[wide] = value
    lengths[wide] += more
    return points, lengths


def _classes(text: Bytes, at: Int64) -> Flags:
    return _flags(_code_points(text, at)[0])


def _flags(points: Int64) -> Flags:
    return rules.character_classes()[np.minimum(points, rules.LAST_POINT)]
