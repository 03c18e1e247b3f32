"""A row for each labelled record; of texts that do not fit, a part is kept."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.label_kinds import CLASS, NUMBER
from schemas.records import Bool, Int64, Labels, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import RecordPacking
from transforms.arrays.excess import excess_tokens
from transforms.arrays.ragged import offsets_of, range_indices, row_numbers
from transforms.windows.packer import Packer

HEAD, TAIL, HEAD_TAIL = KEEP_CHOICES = ("head", "tail", "head_tail")
_HEAD_SHARE = 4
"""A fourth of what is kept is of the head: 127 of 510 tokens, near the 128 of the source."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordRows(Packer):
    """A row for each record of one text, or of two.

    Two texts that do not fit lose tokens from the longer of them first, until both fit.

    Attributes:
      keep: What is kept of a text that is too long: its "head", its "tail", or "head_tail": a
        fourth of the room for its head, and the rest for its tail.

    Source: google-research/bert run_classifier.py (_truncate_seq_pair); Sun et al. 2019, "How to
      Fine-Tune BERT for Text Classification?", 5.3.1 (head and tail).
    """

    of_records: ClassVar[bool] = True
    label_kinds: ClassVar[frozenset[str]] = frozenset({CLASS, NUMBER})
    texts: ClassVar[frozenset[int]] = frozenset({1, 2})

    keep: str = HEAD

    def __post_init__(self) -> None:
        check_keep(self.keep)

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> RecordPacking:
        texts = text_ranges(tokens)
        chosen, first, second, cut = cut_texts(tokens, texts, capacity, self.keep)
        return RecordPacking(
            chosen,
            first,
            second,
            np.arange(len(texts), dtype=np.int64),
            labels_of(tokens),
            cut,
            drawn={"records.cut": int(np.count_nonzero(cut))},
        )


def check_keep(keep: str) -> None:
    """Raises ValueError if this is no part of a text that can be kept."""
    if keep not in KEEP_CHOICES:
        raise ValueError(f"keep must be one of {', '.join(KEEP_CHOICES)}, got {keep!r}")


def cut_texts(
    tokens: Tokens, texts: Int64, capacity: int, keep: str
) -> tuple[Tokens, Int64, Int64, Bool]:
    """Cuts pairs of texts to what fits.

    Args:
      tokens: What the texts are ranges of.
      texts: int64[W, 2, 2]; the token ranges of two texts each, of which the second may be empty.
      capacity: Tokens that two texts may have together.
      keep: What is kept of a text that is too long, see `RecordRows`.

    Returns:
      Tokens; int64[W, 2] ranges in them of the first texts, and of the second ones; and bool[W]:
      whether one of the two was cut.
    """
    lengths = texts[:, :, 1] - texts[:, :, 0]
    off = excess_tokens(texts[:, 0], texts[:, 1], capacity)
    kept = lengths - np.stack(off, axis=1)
    part = {HEAD: kept, TAIL: np.zeros_like(kept), HEAD_TAIL: kept // _HEAD_SHARE}[keep]
    head = np.where(kept < lengths, part, kept)
    pieces = np.stack([texts[:, :, 0], texts[:, :, 1] - (kept - head)], axis=2)
    sizes = np.stack([head, kept - head], axis=2)
    chosen = tokens.take(range_indices(pieces.ravel(), sizes.ravel()))
    borders = offsets_of(kept.ravel())
    ranges = np.stack([borders[:-1], borders[1:]], axis=1).reshape(-1, 2, 2)
    cut: Bool = np.any(kept < lengths, axis=1)
    # Nothing is known of the sentences of what was chosen.
    only = dataclasses.replace(tokens, **chosen.columns, labels=None, lines=None)
    return only, ranges[:, 0], ranges[:, 1], cut


def labels_of(tokens: Tokens) -> Labels:
    """Returns what is known of documents; nothing of those that are no labelled records."""
    if tokens.labels is not None:
        return tokens.labels
    return Labels(np.empty(0), np.zeros(len(tokens.document_offsets), np.int64))


def text_ranges(tokens: Tokens) -> Int64:
    """Returns int64[D, 2, 2]: the token ranges of the first and the second line of documents.

    A line without a token has an empty range.
    """
    count = len(tokens.document_offsets) - 1
    return line_ranges(tokens, np.full(count, 2)).reshape(-1, 2, 2)


# Documents of lines [a b][c] | [d] of two lines each: [0 2] [2 3] | [3 4] [4 4]
def line_ranges(tokens: Tokens, counts: Int64) -> Int64:
    """Returns int64[L, 2]: the token ranges of the first lines of documents, one after the other.

    Args:
      tokens: Of documents whose lines are known.
      counts: int64[D]; how many lines of each document. A line without a token has an empty range.
    """
    first = offsets_of(counts)
    document = row_numbers(np.diff(tokens.document_offsets))
    lines = np.zeros(len(document), np.int64) if tokens.lines is None else tokens.lines
    wanted = lines < counts[document]
    sizes = np.zeros(first[-1], np.int64)
    np.add.at(sizes, (first[document] + lines)[wanted], np.diff(tokens.sentence_offsets)[wanted])
    ends = np.cumsum(sizes)
    before = np.concatenate([[0], ends])[first[:-1]]
    begins = tokens.sentence_offsets[tokens.document_offsets[:-1]]
    ends = ends + np.repeat(begins - before, counts)
    return np.stack([ends - sizes, ends], axis=1)
