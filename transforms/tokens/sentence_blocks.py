"""Blocks of consecutive sentences, which are tokenized one after the other."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from schemas.records import Bytes, ByteSpans, Int64, ShardText


@dataclasses.dataclass(frozen=True, eq=False)
class SentenceBlock:
    """Consecutive sentences of a shard.

    Attributes:
      data: uint8[N]; their text.
      borders: int64[S + 1]; sentence s is data[borders[s]:borders[s + 1]].
      marks: uint8[N]; see `ShardText.word_marks`; None if whole words are not wanted.
      spans: Spans to project onto tokens, by name; in bytes of `data`. A span may begin before the
        block or end after it.
    """

    data: Bytes
    borders: Int64
    marks: Bytes | None
    spans: Mapping[str, ByteSpans]

    def texts(self, which: Int64) -> list[str]:
        """Returns the text of some sentences, without line ends."""
        raw = self.data.tobytes()
        begins, ends = self.borders[which].tolist(), self.borders[which + 1].tolist()
        return [
            raw[begin:end].rstrip(b"\n").decode() for begin, end in zip(begins, ends, strict=True)
        ]


def sentence_blocks(text: ShardText, size: int) -> Iterator[SentenceBlock]:
    """Yields the sentences of a shard in blocks of about `size` bytes."""
    starts = np.append(text.sentence_starts, len(text.data))
    marks = np.arange(size, len(text.data), size)
    cuts = np.unique(np.concatenate([[0], np.searchsorted(starts, marks), [len(starts) - 1]]))
    for first, last in itertools.pairwise(cuts):
        low, high = starts[first], starts[last]
        yield SentenceBlock(
            data=text.data[low:high],
            borders=starts[first : last + 1] - low,
            marks=None if text.word_marks is None else text.word_marks[low:high],
            spans={name: spans.within(low, high) for name, spans in text.spans.items()},
        )
