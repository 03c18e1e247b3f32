"""A list of words with counts: the vocabulary of objectives whose unit is the whole word."""

import dataclasses
import json
from collections.abc import Iterator

import numpy as np

from schemas.records import Int64

LINE_END, LINE_BEGIN, UNKNOWN = SPECIAL = ("</s>", "<s>", "<unk>")
"""The tokens that stand for no word, in the order of their ids, from 0 on."""
_MOST_COUNT = 1 << 62


class WordListError(ValueError):
    """A list of words that cannot be used, and why."""


@dataclasses.dataclass(frozen=True, eq=False)
class WordList:
    """Words and how often they occur in a text.

    The id of the first word is 3, after those of `SPECIAL`.

    Attributes:
      words: By descending count, and by their UTF-8 bytes where counts are equal.
      counts: int64[W].
      lines: How many lines the text has.
    """

    words: list[str]
    counts: Int64
    lines: int = 0

    @property
    def text(self) -> str:
        """Lines of a word, a space and its count; `</s>` has the number of lines."""
        pairs = [*zip(self.words, self.counts.tolist(), strict=True), (LINE_END, self.lines)]
        return "".join(f"{word} {count}\n" for word, count in sorted(pairs, key=_place))

    @property
    def tokenizer_json(self) -> str:
        """A file of `tokenizers` whose model looks words up that white space separates."""
        from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

        ids = {word: number for number, word in enumerate([*SPECIAL, *self.words])}
        tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
        return str(tokenizer.to_str(pretty=False))

    @property
    def counts_json(self) -> str:
        """The counts of its tokens, see `schemas.counts.read_counts`."""
        found = {LINE_END: self.lines, **dict(zip(self.words, self.counts.tolist(), strict=True))}
        return json.dumps(found, ensure_ascii=False)


def _place(pair: tuple[str, int]) -> tuple[int, bytes]:
    return -pair[1], pair[0].encode()


def is_word_list(text: str) -> bool:
    """Returns whether a text begins as a list of words does."""
    first = text.partition("\n")[0].rstrip("\r")
    word, _, count = first.rpartition(" ")
    return bool(word) and word == "".join(word.split()) and count.isascii() and count.isdigit()


def read_word_list(text: str) -> WordList:
    """Reads lines of a word, a space and its count, in any order.

    Raises:
      WordListError: naming the first line that is none, or the word that comes twice.
    """
    found: dict[str, int] = {}
    for word, count in _pairs(text):
        if word in found:
            raise WordListError(f"the word {word!r} comes twice")
        found[word] = count
    lines = found.pop(LINE_END, 0)
    if strange := [token for token in SPECIAL if token in found]:
        raise WordListError(
            f"{strange[0]!r} stands for what is no word, and has a count; leave its line out"
        )
    pairs = sorted(found.items(), key=_place)
    if not pairs:
        raise WordListError("it has no word")
    return WordList([word for word, _ in pairs], np.array([n for _, n in pairs], np.int64), lines)


def _pairs(text: str) -> Iterator[tuple[str, int]]:
    # Other line ends may be in words, so no splitlines().
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip("\r"):
            continue
        word, _, count = line.rstrip("\r").rpartition(" ")
        if not word or word != "".join(word.split()):
            raise WordListError(
                f"line {number} is not a word, one space and a count: {line[:80]!r}"
            )
        if not (count.isascii() and count.isdigit()) or not 0 < int(count) < _MOST_COUNT:
            least = 0 if word == LINE_END else 1
            if count != "0" or least:
                raise WordListError(
                    f"line {number}: the count of {word!r} must be a whole number of at least "
                    f"{least}, got {count!r}"
                )
        yield word, int(count)


def words_by_id(tokenizer_json: str) -> list[str]:
    """Returns what every id of `WordList.tokenizer_json` stands for, `SPECIAL` included."""
    ids = json.loads(tokenizer_json)["model"]["vocab"]
    return sorted(ids, key=ids.__getitem__)
