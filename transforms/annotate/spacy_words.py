"""Tokenizes text like spaCy, in time linear in its length.

spaCy removes prefixes and suffixes from a stretch without spaces one at a time, and each time
searches all of the rest, so the time is quadratic in the length of the stretch. Here only the ends
of a long stretch are searched, and spaCy gets what is left. The words are the same, except that an
emoticon (":)") at the beginning or end of such a stretch is split.
"""

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer
    from spacy.tokens import Doc

LONG = 64
"""Stretches of more characters than this are tokenized here, shorter ones by spaCy."""
# Number of characters searched at either end; only the rule for runs of dots needs more.
_WINDOW = 32


class LinearTokenizer:
    """Wraps a spaCy tokenizer that isolates certain single characters wherever they occur."""

    def __init__(self, words: "Tokenizer", alone: str) -> None:
        """Wraps a tokenizer.

        Args:
          words: The tokenizer.
          alone: The characters that it isolates, as a class of a regular expression such as
            "[a-z]". None of them is part of a prefix or suffix of several characters.
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
        suffixes: list[str] = []
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
            suffixes.extend(reversed(stretch[tail:end]))
            if tail == end and (suffix := self._suffix(stretch, begin, end)):
                suffixes.append(suffix)
                tail -= len(suffix)
            end = tail
            if (begin, end) == before:
                break
        if begin < end:
            yield from (token.text for token in self._words(stretch[begin:end]))
        yield from reversed(suffixes)

    def _tail(self, stretch: str, begin: int, end: int) -> int:
        """Returns the start of the run of isolated characters at the end of the stretch."""
        at = end
        for at in range(end, begin, -1):
            if self._outside.match(stretch, at - 1):
                return at
        return begin

    def _suffix(self, stretch: str, begin: int, end: int) -> str:
        """Returns the suffix at the end of the stretch, or ""."""
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
