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

from collections.abc import Callable

import numpy as np

from schemas.records import Bytes, Int64
from transforms.text import sentence_rules as rules

LINE_FEED = ord("\n")
# Sentences that the loop returns at a time.
BLOCK_SENTENCES = 1 << 16


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
    from transforms.kernels.sentences import find_sentences

    lines = line_starts(data[-1:])
    text, at = np.require(data, np.uint8, "W"), 0
    classes, stops = rules.character_classes(), rules.stop_classes()
    keys = rules.abbreviation_keys()
    found = [lines]
    while at < len(text):
        block = np.empty(BLOCK_SENTENCES, np.int64)
        at, count = find_sentences(text, at, rules.stop_bytes(), stops, (classes, *keys), block)
        found.append(block[:count])
    return np.concatenate(found)


SENTENCE_RULES: dict[str, Callable[[Bytes], Int64]] = {
    "rules": sentence_starts,
    "lines": line_starts,
}
