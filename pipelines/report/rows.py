"""Rows of a finished build, decoded for people and for other programs."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from pipelines.folder.corpus import open_shard
from pipelines.report.token_text import TokenText
from schemas.checked_json import DamagedError
from schemas.columns import ENTITY_IDS, SENTENCES, has_spans
from schemas.manifest_parts import ShardEntry
from schemas.records import Int64
from transforms.arrays.marks import marked_spans
from transforms.build.corpus import Corpus
from transforms.contract.stored import StoredBatch
from transforms.objectives.recipe import Corruption

MASKED, RANDOM, KEPT, SHUFFLED = KINDS = ("masked", "random", "kept", "shuffled")
"""What happened to a selected token: hidden by the mask token, another one at random, itself, or
one of its window in its place, which may be itself too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selected:
    """A selected token.

    Attributes:
      position: In the row.
      copy: Which copy selects it.
      corruption: Which corruption, by its name: "mlm", ...
      kind: One of `KINDS`.
      original: The token that the model must find.
      seen: The token that the model sees.
      seen_text: The same as people read it.
    """

    position: int
    copy: int
    corruption: str
    kind: str
    original: str
    seen: str
    seen_text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """An example with all its copies.

    Attributes:
      shard: Path of the shard in the folder.
      row: Number of the row in the shard.
      copies: Copies of masks there are; 0 where none are stored.
      stages: The stage of each of them, where there are stages.
      ids: The tokens' ids, not corrupted.
      tokens: The same as the vocabulary writes them.
      pieces: The same as people read them, each with the space before it.
      special: Positions of special tokens.
      segments: Token ranges [begin, end) of A, and of B if there is one; of a dialogue its turns.
      relation: How B relates to A, or the order of the parts of A; None if there is neither.
      words: Token ranges [begin, end) of whole words; None if they are not stored.
      selected: The selected tokens of the copies that were asked for.
      labels: Positions of the tokens that are labelled 1, by the name of the labels.
      spans: Token ranges [begin, end) of what is annotated: entities, phrases.
      sentences: Positions where sentences begin; None if they are not stored.
      entities: Position and id of the entities that tokens are aligned with; None if none are.
    """

    shard: str
    row: int
    copies: int
    stages: list[str]
    ids: list[int]
    tokens: list[str]
    pieces: list[str]
    special: list[int]
    segments: list[tuple[int, int]]
    relation: str | None
    words: list[tuple[int, int]] | None
    selected: list[Selected]
    labels: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    spans: dict[str, list[tuple[int, int]]] = dataclasses.field(default_factory=dict)
    sentences: list[int] | None = None
    entities: list[tuple[int, str]] | None = None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class RowDecoder:
    """Decodes rows of a corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self._recipe = corpus.recipe
        self._vocabulary, self._entities = corpus.vocabulary, corpus.entities
        self._tokenizer = Tokenizer.from_str(corpus.tokenizer_json)
        self._text = TokenText.of(corpus.tokenizer_json)

    def decode(self, shard: str, number: int, batch: pa.RecordBatch, copy: int | None) -> Row:
        """Decodes one row.

        Args:
          shard: Path of its shard.
          number: Its number there.
          batch: A batch of this row alone.
          copy: The only copy to decode, or None for all.
        """
        views = StoredBatch.views(batch, self._recipe.rules, self._vocabulary)
        stored = views[0]
        ids = stored.ids.tolist()
        tokens = self._tokens(ids)
        copies = range(stored.copies) if copy is None else [copy]
        return Row(
            shard=shard,
            row=number,
            copies=stored.copies if self._recipe.stored else 0,
            stages=[
                each
                for corruption in self._recipe.stored
                for each in corruption.select.stage_names(self._recipe.copies)
            ],
            ids=ids,
            tokens=tokens,
            pieces=self._text.pieces(tokens, stored.special.tolist()),
            special=np.flatnonzero(stored.special).tolist(),
            segments=_segments(stored),
            relation=_relation(stored),
            words=_words(stored),
            selected=[
                each
                for one in copies
                for view, corruption in zip(views, self._recipe.stored, strict=False)
                for each in self._selected(view, corruption, one)
            ],
            labels={
                labels.name: np.flatnonzero(stored.annotations[labels.name]).tolist()
                for labels in self._recipe.labels
                if labels.name != ENTITY_IDS
            },
            spans={
                name: _spans(stored, name) for name in self._recipe.annotations if has_spans(name)
            },
            sentences=_sentences(stored),
            entities=self._named(stored),
        )

    def _named(self, stored: StoredBatch) -> list[tuple[int, str]] | None:
        """Returns the aligned tokens with the ids of their entities."""
        if ENTITY_IDS not in stored.annotations:
            return None
        numbers = stored.annotations[ENTITY_IDS]
        at = np.flatnonzero(numbers)
        ids = [self._entities[number] for number in (numbers[at] - 1).tolist()]
        return list(zip(at.tolist(), ids, strict=True))

    def _tokens(self, ids: Sequence[int]) -> list[str]:
        return [self._tokenizer.id_to_token(number) or f"#{number}" for number in ids]

    def _selected(
        self, stored: StoredBatch, corruption: Corruption, copy: int
    ) -> Iterator[Selected]:
        begin, end = stored.selected.offsets[copy : copy + 2].tolist()
        original, seen = stored.original[begin:end], stored.seen[begin:end]
        mask = self._vocabulary.roles.get("mask")
        kinds = np.where(seen == mask, MASKED, np.where(seen == original, KEPT, RANDOM))
        if corruption.rewrite.reorders:
            kinds = np.full(len(seen), SHUFFLED)
        tokens = self._tokens(seen.tolist())
        for position, kind, old, new in zip(
            stored.selected.row(copy).tolist(),
            kinds.tolist(),
            self._tokens(original.tolist()),
            tokens,
            strict=True,
        ):
            yield Selected(
                position=position,
                copy=copy,
                corruption=corruption.targets.name,
                kind=kind,
                original=old,
                seen=new,
                seen_text=new if kind == MASKED else self._text.piece(new),
            )


def _segments(stored: StoredBatch) -> list[tuple[int, int]]:
    """Returns the ranges of segments, or of the turns of a dialogue."""
    borders = {0, int(stored.second_segment_start[0]), len(stored.ids)}
    if stored.turn_end is not None:
        borders.update((np.flatnonzero(stored.ids == stored.turn_end) + 1).tolist())
    return list(itertools.pairwise(sorted(borders)))


def _relation(stored: StoredBatch) -> str | None:
    if stored.relation is None:
        return None
    names, codes = stored.relation
    return names[int(codes[0])]


def _spans(stored: StoredBatch, name: str) -> list[tuple[int, int]]:
    spans = marked_spans(stored.annotations[name], stored.offsets)
    return list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True))


def _sentences(stored: StoredBatch) -> list[int] | None:
    marks = stored.annotations.get(SENTENCES)
    return None if marks is None else np.flatnonzero(marks).tolist()


def _words(stored: StoredBatch) -> list[tuple[int, int]] | None:
    """Returns the ranges of whole words: to the next word or special token."""
    if stored.word_starts is None:
        return None
    starts = stored.word_starts.values.astype(np.int64)
    borders = np.union1d(np.append(starts, len(stored.ids)), np.flatnonzero(stored.special))
    ends = borders[np.searchsorted(borders, starts, "right")]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def read_rows(
    corpus: Corpus, shard: ShardEntry, numbers: Sequence[int], copy: int | None = None
) -> list[Row]:
    """Reads some rows of a shard.

    Args:
      corpus: Its build.
      shard: Its entry in the manifest.
      numbers: Of the rows; each must be in [0, shard.rows).
      copy: The only copy to decode, or None for all.

    Raises:
      DamagedError: if the shard is gone or damaged.
    """
    decoder = RowDecoder(corpus)
    rows: list[Row] = []
    with open_shard(corpus, shard) as reader:
        # All record batches have as many rows as the first, but the last may have fewer.
        size = reader.get_batch(0).num_rows if numbers else 1
        for number in numbers:
            batch = reader.get_batch(number // size).slice(number % size, 1)
            if not batch.num_rows:
                raise DamagedError(f"{shard.path} has no row {number}, against its manifest")
            rows.append(decoder.decode(shard.path, number, batch, copy))
    return rows


def evenly_spaced(rows: int, wanted: int) -> list[int]:
    """Returns numbers of rows, evenly spread over all of them."""
    count = min(rows, wanted)
    numbers: Int64 = (np.arange(count) * rows + rows // 2) // max(count, 1)
    return numbers.tolist()


def example_rows(corpus: Corpus, wanted: int = 12) -> list[Row]:
    """Returns rows of the first training shard that has any, spread over it, with one copy."""
    for shards in corpus.splits.values():
        for shard in shards:
            if shard.rows:
                return read_rows(corpus, shard, evenly_spaced(shard.rows, wanted), copy=0)
    return []
