"""Cuts long text without spaces before spaCy's tokenizer, whose time is quadratic in such text."""

import itertools
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.tokens import Doc

# Words of normal text are shorter, so its words stay those of the tokenizer.
LONG_RUN = 512
PART = 256
_RUN = re.compile(rf"\S{{{LONG_RUN},}}")


class LongRunTokenizer:
    """A tokenizer that gets long runs without spaces in parts.

    A run of LONG_RUN characters or more is cut between two of four `alone` characters, each of
    which is a word of its own, so that no word crosses a cut. The document is one all the same, so
    entities may cross. In such runs alone, punctuation beside a Latin word may become a word of its
    own, as in a short text, where the whole run would leave it at the word.
    """

    def __init__(self, tokenizer: Any, alone: str) -> None:
        """Wraps a tokenizer.

        Args:
          tokenizer: spaCy's.
          alone: Regular expression of one character that is always a word.
        """
        self._tokenizer = tokenizer
        self._place = re.compile(f"(?<={alone}{alone})(?={alone}{alone})")

    def __call__(self, text: str) -> "Doc":
        """Returns the words of a text."""
        from spacy.tokens import Doc

        cuts = list(self._cuts(text))
        if not cuts:
            return self._tokenizer(text)
        words: list[str] = []
        spaces: list[bool] = []
        for begin, end in itertools.pairwise([0, *cuts, len(text)]):
            part = self._tokenizer(text[begin:end])
            words.extend(token.text for token in part)
            spaces.extend(bool(token.whitespace_) for token in part)
        return Doc(self._tokenizer.vocab, words=words, spaces=spaces)

    def memory_zone(self, mem: Any = None) -> AbstractContextManager[Any]:
        """Forgets, at its end, the words that were seen inside, if the tokenizer can; see spaCy."""
        zone = getattr(self._tokenizer, "memory_zone", None)
        return nullcontext() if zone is None else zone(mem)

    def _cuts(self, text: str) -> Iterator[int]:
        for run in _RUN.finditer(text):
            last = run.start()
            for place in self._place.finditer(text, run.start(), run.end()):
                if place.start() - last >= PART:
                    last = place.start()
                    yield last
