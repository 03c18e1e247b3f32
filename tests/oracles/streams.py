"""Token streams and laid-out rows with literal lengths."""

from collections.abc import Sequence

import numpy as np

from schemas.records import Array, Bool, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.ragged import Ragged, flagged_positions
from transforms.arrays.randomness import random_key
from transforms.contract.corrupting import Batch, Copies, Rewrite, Select

ROLES = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4, "eod": 5}
SENTINELS = 100
"""Are at the top of the vocabulary, the first one has the highest id."""
SEP, EOD = ROLES["sep"], ROLES["eod"]


def vocabulary(size: int = 1000) -> Vocabulary:
    names = {role: f"[{role.upper()}]" for role in ROLES}
    return Vocabulary(
        size=size,
        roles=ROLES,
        names=names,
        sha256="0" * 64,
        entities=50,
        sentinels=tuple(range(size - 1, size - 1 - SENTINELS, -1)),
    )


def tokens_of(
    documents: Sequence[Sequence[int]],
    *,
    first_id: int = 100,
    word_starts: Sequence[int] | None = None,
    ends_line: Sequence[int] | None = None,
    id_type: str = "uint16",
) -> Tokens:
    """Returns documents of sentences of these lengths, with ids that count from `first_id`."""
    lengths = np.array([length for document in documents for length in document], np.int64)
    total = int(lengths.sum())
    return Tokens(
        ids=np.arange(first_id, first_id + total).astype(id_type),
        sentence_offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        document_offsets=np.append(0, np.cumsum([len(d) for d in documents])).astype(np.int64),
        ends_line=np.ones(len(lengths), np.bool_)
        if ends_line is None
        else np.array(ends_line, np.bool_),
        word_starts=None if word_starts is None else np.array(word_starts, np.bool_),
        exact_path="word_table",
    )


def sentences_of_ids(tokens: Tokens) -> list[list[list[int]]]:
    """Returns the ids of every sentence of every document."""
    borders, offsets = tokens.document_offsets, tokens.sentence_offsets
    return [
        [
            tokens.ids[offsets[s] : offsets[s + 1]].tolist()
            for s in range(borders[d], borders[d + 1])
        ]
        for d in range(len(borders) - 1)
    ]


def examples_of(rows: Sequence[str], first_id: int = 100) -> Examples:
    """Returns rows from a drawing: "^" a special token, "W" a word's first token, "w" another."""
    drawn = "".join(rows)
    special = np.array([sign == "^" for sign in drawn], np.bool_)
    ids = np.arange(first_id, first_id + len(drawn)).astype(np.uint16)
    ids[special] = SEP
    lengths = [len(row) for row in rows]
    return Examples(
        ids=ids,
        offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        second_segment_start=np.array(lengths, np.int64),
        special=special,
        word_starts=np.array([sign == "W" for sign in drawn], np.bool_),
    )


def batch_of(
    examples: Examples, taken: Bool | None = None, max_seq_length: int = 512, first_row: int = 0
) -> Batch:
    """Returns rows to corrupt once, with numbers that count from `first_row`."""
    rows = np.arange(first_row, first_row + len(examples))
    lists = None if taken is None else flagged_positions(taken, examples.offsets)
    return Batch(examples, rows, max_seq_length, lists)


def one_copy(rng: np.random.Generator) -> Copies:
    """Returns a single copy, with a key of its own."""
    return Copies(np.array([random_key(rng)]), 0, 1)


def select_once(
    how: Select,
    examples: Examples,
    rng: np.random.Generator,
    taken: Bool | None = None,
    max_seq_length: int = 512,
) -> list[list[int]]:
    """Returns the positions in each row that one copy selects."""
    found = how.select(batch_of(examples, taken, max_seq_length), one_copy(rng))
    return [found.row(row).tolist() for row in range(len(found))]


def rewrite_once(
    how: Rewrite,
    examples: Examples,
    positions: Sequence[Sequence[int]],
    names: Vocabulary,
    rng: np.random.Generator,
) -> Array:
    """Returns what is seen at some positions of each row."""
    values = np.array([at for row in positions for at in row], np.uint16)
    selected = Ragged.from_lengths(values, np.array([len(row) for row in positions], np.int64))
    return how.rewrite(batch_of(examples), selected, names, one_copy(rng))
