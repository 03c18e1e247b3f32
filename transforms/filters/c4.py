"""The rules of C4: which lines are boilerplate, and which documents are no text."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.arrow_columns import numbers, numpy_of
from transforms.arrays.ragged import offsets_of
from transforms.filters.document_filter import Examined, Scalar, first_reasons
from transforms.filters.texts import wide_counts

_END = r"""[.!?"”。！？…」』][’'”」』）)]*$"""
_POLICY = (
    "terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
    "|隐私政策|使用条款"
)
_WORDS_OF_WIDE = 2
"""Characters of Chinese that are as much as a word."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class C4Lines:
    """Removes lines of boilerplate; a document of which nothing is left is dropped.

    Source: Raffel et al. 2020 (JMLR 21, arXiv:1910.10683), section 2.2: lines are kept that end in
    a terminal punctuation mark and have at least 5 words; lines with "javascript" are removed, and
    those with notices of policies: "terms of use", "privacy policy", "cookie policy", "uses
    cookies", "use of cookies", "use cookies" (c4_utils.py of tensorflow/datasets). "..." is no
    terminal mark there.
    Differs: the marks of Chinese and Japanese end a line, too, and closing quotes and brackets may
    follow; a character of these is half a word; two Chinese names of policies are known.

    Attributes:
      min_words: Least words of a line.
    """

    min_words: int = 5

    name: ClassVar[str] = "boilerplate"
    reasons: ClassVar[Sequence[str]] = ("no_line_left",)
    line_reasons: ClassVar[Sequence[str]] = (
        "no_terminal_mark",
        "few_words",
        "javascript",
        "policy",
    )

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """See `DocumentFilter`."""
        texts = documents.column("text").cast(pa.large_string())
        lists = pc.split_pattern(texts, "\n")
        lines = lists.flatten()
        codes = first_reasons(self._failing(lines), len(lines))
        kept = codes == 0
        before = numpy_of(pc.list_value_length(lists)).astype(np.int64)
        places = offsets_of(kept)[offsets_of(before)]
        left = pa.LargeListArray.from_arrays(numbers(places), lines.filter(numbers(kept)))
        gone = np.diff(places) == 0
        counts = np.bincount(codes[np.repeat(~gone, before)], minlength=5)[1:].tolist()
        return Examined(
            gone.astype(np.uint8),
            texts=pc.binary_join(left, pa.scalar("\n", pa.large_string())).cast(pa.large_binary()),
            removed=dict(zip(self.line_reasons, counts, strict=True)),
        )

    def _failing(self, lines: pa.Array) -> list[np.ndarray]:
        """Returns bool[L] of each reason."""
        ends = pc.and_(pc.match_substring_regex(lines, _END), pc.invert(pc.ends_with(lines, "...")))
        wide = wide_counts(lines)
        spaces = numpy_of(pc.count_substring(lines, " "))
        few = spaces + 1 + wide // _WORDS_OF_WIDE < self.min_words
        return [
            ~numpy_of(ends),
            few,
            numpy_of(pc.match_substring(lines, "javascript", ignore_case=True)),
            numpy_of(pc.match_substring_regex(lines, _POLICY, ignore_case=True)),
        ]

    def identity(self) -> dict[str, Scalar]:
        """See `DocumentFilter`."""
        return {"version": 1, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class C4Quality:
    """Drops documents that are code, filler text, or too short.

    Source: Raffel et al. 2020, section 2.2: documents with "lorem ipsum", with a curly bracket, or
    of fewer than 3 sentences are dropped.
    Differs: a sentence is what ends in a run of terminal marks; c4_utils.py asks for 5 sentences of
    NLTK. Words of a list of obscene ones drop nothing: such lists are not of this project. Which
    three-sentence spans occur elsewhere is not looked at: near-duplicates are found as documents.

    Attributes:
      min_sentences: Least.
    """

    min_sentences: int = 3

    name: ClassVar[str] = "c4"
    reasons: ClassVar[Sequence[str]] = ("lorem_ipsum", "curly_bracket", "few_sentences")

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """See `DocumentFilter`."""
        texts = documents.column("text").cast(pa.large_string())
        sentences = numpy_of(
            pc.count_substring_regex(texts, r"[.!?。！？…]+[’'”\"」』）)]*(\s|$|[^\x00-\x7F])")
        )
        failing = [
            numpy_of(pc.match_substring(texts, "lorem ipsum", ignore_case=True)),
            numpy_of(pc.match_substring(texts, "{")),
            sentences < self.min_sentences,
        ]
        return Examined(first_reasons(failing, len(documents)))

    def identity(self) -> dict[str, Scalar]:
        """See `DocumentFilter`."""
        return {"version": 1, **dataclasses.asdict(self)}
