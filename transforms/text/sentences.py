"""Splits English and Chinese text into sentences, by rules over UTF-8 bytes.

The text is normalised: every line ends with a line feed, none is empty, and white space inside a
line is single spaces. The sentences of a line cover all of it: a sentence after a space begins with
that space, so the tokens of the sentences are the tokens of the line.

A *run* is a sequence of adjacent stops. Up to four closing quotes and brackets after it belong to
the sentence that it ends. Then follow an optional space and the *next* character. Where the table
has a *, up to three opening quotes and brackets before the next character are skipped. The last
stop of the run decides:

| stop        | before a space, ends a sentence if next is   | without a space, if next is |
|-------------|----------------------------------------------|-----------------------------|
| .           | upper case, digit, CJK, a caseless letter *  | never                       |
| ． ﹒       | as for .                                     | CJK *                       |
| ! ? ‼ ⁇ ⁈ ⁉ | anything but lower case *                    | CJK *                       |
| … ⋯ ‥ ︙ .. | as for .                                     | CJK *                       |
| 。 ！ ？ ； | anything                                     | anything                    |
| ;           | CJK, if CJK stands right before and no closing mark after, in both cases   ||

｡ ︒ ﹗ ﹖ ﹔ ︕ ︖ ︔ are as 。 ！ ？ ；, and ．． is as "..". Closing marks are those of Unicode,
and straight quotes of half or full width. CJK is an ideograph or kana. In these cases the sentence
continues nevertheless:

| where                                                     | for example                     |
|-----------------------------------------------------------|---------------------------------|
| next is a stop, closing mark, comma, colon, dash or 》    | “好！”，他说 / 《走？》是书     |
| the run begins a line                                     | ... and then / ……他             |
| the run is alone in quotes or brackets                    | “？”是问号 / (!) / '!'          |
| … or .. after an opening mark                             | “……我知道                       |
| … or .. after a space or comma: words are omitted         | SELECT ... FROM / 甲、……都      |
| … or .. between the same character twice: stuttering      | 我……我不 / I... I see           |
| ! or ? after a space and before CJK: a placeholder        | 用 ? 代替                       |
| . after a title, or an abbreviation before a continuation | Mr. Fox / vs. Ohio / Fig. A     |
| . after an abbreviation, before a digit                   | No. 5 / Jan. 3 / pp. 7          |
| . after initials, except "I" alone after a word           | J. K. Rowling / U.S. Army       |
| . after dotted small letters, except a.m. and p.m.        | e.g. Rome / i.e. Rome           |
| ． after a digit or cased letter                          | ３．１４ / １．引言 / Ｊ．罗琳  |
| ． after a line's first character or Chinese number       | 一．引言 / 二十一．结论         |
| . after a line's first number, Roman number or character  | 1. Start / IV. THE END / a. Red |

The exceptions for . apply before a space or bracket, not before a closing quote. "etc.", "Inc.",
"Co." and "p.m." need no exception: they end a sentence unless lower case follows.

Limitations, as the rules know no grammar:

* There is no boundary after a sentence that ends in a title or initials: "in the U.S. The",
  "plan B. We".
* There is a boundary between a quotation and its speaker, if the speaker is capitalised (“Stop!”
  Anna said) or Chinese (“站住！”他说); at ； inside brackets; after numbers inside a line ("1. Red
  2. Blue" is split after "2."); before "Ltd." after "Co."
* Text in lower case or without stops is not split. "." never ends a sentence without a space after
  it, not in Chinese either. Stops of other scripts (। ؟ ።) are not recognised.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from schemas.records import Bool, Bytes, Int64
from transforms.text import sentence_rules as rules
from transforms.text.abbreviations import is_abbreviation, is_full_width_number
from transforms.text.characters import (
    character_before,
    classes_at,
    classes_of,
    code_points_at,
    skip_characters,
)
from transforms.text.sentence_rules import CJK, CLOSER, JOINER, LINE_END, OPENER

# No rule reads further back or ahead from a stop than this.
MARGIN = 32
BLOCK_BYTES = 1 << 20
MAX_CLOSERS = 4
MAX_OPENERS = 3
SPACE, LINE_FEED = b" \n"


def line_starts(data: Bytes) -> Int64:
    r"""Returns the first byte of each line: each line is one sentence.

    >>> line_starts(np.frombuffer(b"One. Two.\nThree.\n", np.uint8)).tolist()
    [0, 10]

    Args:
      data: uint8[N]; text of which every line ends with a line feed.

    Returns:
      int64[L]; ascending.

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
    r"""Returns the first byte of each sentence, by the rules of this module.

    "One.", " Mr. Two!" and "Three.":

    >>> sentence_starts(np.frombuffer(b"One. Mr. Two!\nThree.\n", np.uint8)).tolist()
    [0, 4, 14]

    Args:
      data: uint8[N]; valid UTF-8, normalised as described above.

    Returns:
      int64[S]; ascending: every line start, and the first byte of each further sentence of a line,
      which is the space before it if there is one. Lines do not affect one another.

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
    """Runs of adjacent stops: bytes [begins, ends) of each, and the kind of its last stop.

    The closing marks that follow a run end at `after`, where the next sentence would begin.
    """

    begins: Int64
    ends: Int64
    kinds: Bytes
    after: Int64

    def where(self, chosen: Bool) -> "_Runs":
        return _Runs(self.begins[chosen], self.ends[chosen], self.kinds[chosen], self.after[chosen])


def _boundaries(text: Bytes) -> Int64:
    """Returns the sentence boundaries inside the lines of a text with a margin of line feeds."""
    runs = _stop_runs(text)
    spaced = text[runs.after] == SPACE
    runs = runs.where((spaced | (runs.kinds != rules.PERIOD)) & (text[runs.ends] != LINE_FEED))
    runs = runs.where(_ends_sentence(text, runs))
    # Before a closing quote an abbreviation does end the sentence: "from the U.S.A." Then
    unquoted = np.isin(text[runs.ends], np.frombuffer(b" )]}", np.uint8))
    single = runs.ends - runs.begins == 1
    dots = np.flatnonzero((runs.kinds == rules.PERIOD) & single & unquoted)
    return np.delete(runs.after, dots[is_abbreviation(text, runs.begins[dots])])


def _stop_runs(text: Bytes) -> _Runs:
    r"""Returns the runs of stops.

    Of `Why?!" No.` the runs are `?!`, with a closing mark after it, and `.`:

    >>> runs = _stop_runs(np.frombuffer(b'Why?!" No.' + MARGIN * b"\n", np.uint8))
    >>> runs.begins.tolist(), runs.ends.tolist(), runs.after.tolist()
    ([3, 9], [5, 10], [6, 10])
    """
    starts, kinds = _stops(text)
    ends = starts + np.where(text[starts] < 0x80, 1, 3)
    separate = starts[1:] != ends[:-1]
    first = np.concatenate([[True], separate])[: len(starts)]
    last = np.concatenate([separate, [True]])[: len(starts)]
    is_dot = np.isin(kinds, [rules.PERIOD, rules.WIDE_PERIOD])
    # Two dots are an ellipsis.
    kinds[1:][is_dot[1:] & is_dot[:-1] & ~separate] = rules.ELLIPSIS
    begins, ends, kinds = starts[first], ends[last], kinds[last]
    return _Runs(begins, ends, kinds, skip_characters(text, ends, CLOSER, MAX_CLOSERS))


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
    points, _ = code_points_at(text, starts)
    kinds = np.zeros(len(starts), np.uint8)
    for stop, kind in rules.STOP_KINDS.items():
        kinds[points == ord(stop)] = kind
    return starts[kinds > 0], kinds[kinds > 0]


def _ends_sentence(text: Bytes, runs: _Runs) -> Bool:
    """Returns bool[R]: whether each run ends a sentence, if it is no abbreviation."""
    spaced = text[runs.after] == SPACE
    following = runs.after + spaced
    next_points, _ = code_points_at(text, following)
    before_points, _ = code_points_at(text, character_before(text, runs.begins))
    opened = classes_at(text, skip_characters(text, following, OPENER, MAX_OPENERS))
    next_, before = classes_of(next_points), classes_of(before_points)

    cjk, opens = (opened & CJK) > 0, (opened & rules.OPENS_SENTENCE) > 0
    not_lower = (opened & (rules.LOWER | JOINER | CLOSER)) == 0
    placeholder = cjk & (before_points == SPACE)
    bare = runs.after == runs.ends
    begin_points, _ = code_points_at(text, runs.begins)
    dots_only = np.isin(begin_points, [ord(dot) for dot in rules.DOTS])
    stutter = dots_only & (before_points == next_points)
    omission = ((before & JOINER) > 0) | ((before & (OPENER | CLOSER)) == OPENER)
    # The first table of the module, row by row.
    in_number = is_full_width_number(text, runs.begins)
    ends = np.zeros(len(spaced), np.bool_)
    for kind, rule in (
        (rules.PERIOD, spaced & opens),
        (rules.EXCLAMATION, np.where(spaced, not_lower, cjk) & ~placeholder),
        (rules.ELLIPSIS, np.where(spaced, opens, cjk) & ~stutter & ~omission),
        (rules.FULL_STOP, True),
        (rules.WIDE_PERIOD, np.where(spaced, opens, cjk) & ~in_number),
        (rules.SEMICOLON, bare & ((next_ & before & CJK) > 0)),
    ):
        ends |= (runs.kinds == kind) & rule

    # The exceptions of the second table.
    closes = ((next_ & CLOSER) > 0) & ~(spaced & ((next_ & OPENER) > 0))
    joined = ((next_ & (rules.STOP | JOINER)) > 0) | ((opened & LINE_END) > 0)
    closing_points, _ = code_points_at(text, runs.ends)
    pair = ((before & CLOSER) == 0) | (before_points == closing_points)
    quoted = ((before & OPENER) > 0) & ~bare & pair
    return ends & ~(closes | joined | quoted) & ((before & LINE_END) == 0)
