"""Cuts text into words as spaCy's tokenizer does, in time linear in its length.

spaCy takes prefixes and suffixes off a stretch without spaces one by one, and looks at all that is
left each time: text without spaces costs the square of its length. Here a long stretch loses them
by a look at its ends; only what is left is given to spaCy. The words are the same, but that an
emoticon (":)") which such a stretch begins or ends with comes apart.
"""

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer
    from spacy.tokens import Doc

LONG = 64
"""A stretch of more characters than this is taken apart here."""
# Looks at so many characters at either end; no rule but that of runs of dots needs more.
_WINDOW = 32


class LinearTokenizer:
    """spaCy's tokenizer for one whose single characters `alone` are prefixes and suffixes."""

    def __init__(self, words: "Tokenizer", alone: str) -> None:
        """Wraps a tokenizer.

        Args:
          words: It cuts around each of these characters, wherever they stand.
          alone: They, as a class of a regular expression, such as "[a-z]". None of them is part of
            a prefix or suffix of several characters.
        """
        self._words: Any = words
        self.vocab = self._words.vocab
        self._head = re.compile(f"{alone}+")
        self._long = re.compile(rf"\S{{{LONG + 1},}}")
        self._outside = re.compile(alone.replace("[", "[^", 1))

    def __call__(self, text: str) -> "Doc":
        """Returns the words of a text."""
        from spacy.tokens import Doc

        stretches = [match.span() for match in self._long.finditer(text)]
        if not stretches:
            found: Doc = self._words(text)
            return found
        words: list[str] = []
        spaces: list[bool] = []
        at = 0
        for begin, end in [*stretches, (len(text), len(text))]:
            if at < begin:
                for token in self._words(text[at:begin]):
                    words.append(token.text)
                    spaces.append(bool(token.whitespace_))
            for part in self._parts(text[begin:end]):
                words.append(part)
                spaces.append(False)
            at = end
            if words and text[end : end + 1] == " " and not text[end + 1 : end + 2].isspace():
                spaces[-1] = True
                at = end + 1
        return Doc(self.vocab, words=words, spaces=spaces)

    def _parts(self, stretch: str) -> Iterator[str]:
        """Yields the words of a stretch without white space."""
        begin, end = 0, len(stretch)
        behind: list[str] = []
        while end - begin > LONG:
            before = begin, end
            if head := self._head.match(stretch, begin, end):
                yield from head[0]
                begin = head.end()
            elif match := self._words.prefix_search(stretch[begin : begin + _WINDOW]):
                yield match[0]
                begin += len(match[0])
            if end - begin <= LONG:
                break
            tail = self._tail(stretch, begin, end)
            behind.extend(reversed(stretch[tail:end]))
            if tail == end and (suffix := self._suffix(stretch, begin, end)):
                behind.append(suffix)
                tail -= len(suffix)
            end = tail
            if (begin, end) == before:
                break
        if begin < end:
            yield from (token.text for token in self._words(stretch[begin:end]))
        yield from reversed(behind)

    def _tail(self, stretch: str, begin: int, end: int) -> int:
        """Returns where the run of single characters begins that the stretch ends with."""
        at = end
        for at in range(end, begin, -1):
            if self._outside.match(stretch, at - 1):
                return at
        return begin

    def _suffix(self, stretch: str, begin: int, end: int) -> str:
        """Returns the suffix that the stretch ends with, or ""."""
        for size in itertools.takewhile(
            lambda size: size < 2 * len(stretch), (_WINDOW << step for step in range(0, 99, 3))
        ):
            low = max(begin, end - size)
            match = self._words.suffix_search(stretch[low:end])
            if match is None:
                return ""
            if match.start() > 0 or low == begin:
                return str(match[0])
        return ""
