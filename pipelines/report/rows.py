"""Rows of a finished build, decoded for people and for other programs."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from pipelines.folder.corpus import open_shard
from pipelines.report.edited import EditedRows
from pipelines.report.row import (
    KEPT,
    MASKED,
    RANDOM,
    SHUFFLED,
    Edited,
    Ordered,
    Row,
    Selected,
)
from pipelines.report.row_ranges import (
    continues,
    document_starts,
    is_backward,
    relation_of,
    segments_of,
    sentence_starts,
    span_ranges,
    word_ranges,
)
from pipelines.report.sources import source_name
from schemas.columns import ENTITY_IDS, has_spans
from schemas.manifest_parts import ShardEntry
from schemas.records import Int64
from transforms.build.corpus import Corpus
from transforms.contract.stored import StoredBatch
from transforms.kernels.compiled import interpreted
from transforms.objectives.corruption import Corruption
from transforms.text.token_text import TokenText


class RowDecoder:
    """Decodes rows of a corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self._recipe = corpus.recipe
        self._vocabulary, self._entities = corpus.vocabulary, corpus.entities
        self._sources = corpus.sources
        self._tokenizer = Tokenizer.from_str(corpus.tokenizer_json)
        self._text = TokenText.of(corpus.tokenizer_json)

    def decode(
        self,
        shard: str,
        number: int,
        batch: pa.RecordBatch,
        copy: int | None,
        before: pa.RecordBatch | None = None,
    ) -> Row:
        """Decodes one row.

        Args:
          shard: Path of its shard.
          number: Its number there.
          batch: A batch of this row alone.
          copy: The only copy to decode, or None for all.
          before: A batch of the row before alone; None for the first.
        """
        views = StoredBatch.views(batch, self._recipe.rules, self._vocabulary)
        stored = views[0]
        ids = stored.ids.tolist()
        tokens = self._tokens(ids)
        copies = range(stored.copies) if copy is None else [copy]
        return Row(
            shard=shard,
            row=number,
            copies=stored.copies if self._recipe.stores_copies else 0,
            stages=[
                each
                for corruption in self._recipe.stored
                for each in corruption.select.stage_names(self._recipe.copies)
            ],
            ids=ids,
            tokens=tokens,
            pieces=self._pieces(tokens, stored),
            special=np.flatnonzero(stored.special).tolist(),
            segments=segments_of(stored, self._recipe.rules.reuse_len),
            relation=relation_of(stored),
            words=word_ranges(stored),
            selected=[
                each
                for one in copies
                for view, corruption in zip(views, self._recipe.stored, strict=False)
                if view.holds_ids
                for each in self._selected(view, corruption, one)
            ],
            labels={
                labels.name: np.flatnonzero(stored.annotations[labels.name]).tolist()
                for labels in self._recipe.labels
                if labels.name != ENTITY_IDS
            },
            spans={
                name: span_ranges(stored, name)
                for name in self._recipe.annotations
                if has_spans(name)
            },
            sentences=sentence_starts(stored),
            entities=self._named(stored),
            documents=document_starts(stored),
            predicted=self._predicted(stored),
            source=source_name(self._sources, stored),
            stream=None if stored.stream is None else int(stored.stream[0]),
            continues=continues(batch, before),
            backward=is_backward(stored),
            reuse_len=self._recipe.rules.reuse_len,
            order=self._order(views, copies),
            edited=self._edited(stored, copies, tokens),
            labelled=None if self._recipe.labelled is None else self._recipe.labelled.shown(stored),
        )

    def _pieces(self, tokens: Sequence[str], stored: StoredBatch) -> list[str]:
        """Returns tokens as people read them; what stands before one is known from the text."""
        step = -1 if is_backward(stored) else 1
        return self._text.pieces(tokens[::step], stored.special[::step].tolist())[::step]

    def _edited(
        self, stored: StoredBatch, copies: Sequence[int], tokens: Sequence[str]
    ) -> list[Edited] | None:
        if self._recipe.denoise is None:
            return None
        rows = EditedRows(self._recipe, self._vocabulary)
        pieces = self._pieces(tokens, stored)
        return [rows.show(stored, copy, pieces, self._name) for copy in copies]

    def _name(self, number: int) -> str:
        """Returns a token as people read it, alone."""
        return self._text.piece(self._tokens([number])[0])

    def _predicted(self, stored: StoredBatch) -> list[int] | None:
        predict = self._recipe.next_tokens
        if predict is None:
            return None
        places, _ = predict.predicted(stored, self._vocabulary)
        return places.tolist()

    def _order(self, views: Sequence[StoredBatch], copies: Sequence[int]) -> list[Ordered] | None:
        """Returns the tokens with a rank, copy after copy."""
        ranked = [
            view
            for view, corruption in zip(views, self._recipe.stored, strict=False)
            if not corruption.targets.holds_ids
        ]
        if not ranked:
            return None
        return [
            Ordered(
                position=position,
                copy=copy,
                half=int(position >= self._recipe.rules.reuse_len),
                rank=rank,
                target=not view.special[position],
            )
            for copy in copies
            for view in ranked
            for position, rank in zip(
                view.selected.row(copy).tolist(),
                view.seen[view.selected.offsets[copy] : view.selected.offsets[copy + 1]].tolist(),
                strict=True,
            )
        ]

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


def read_rows(
    corpus: Corpus,
    shard: ShardEntry,
    numbers: Sequence[int],
    copy: int | None = None,
    *,
    hashed: bool = True,
) -> list[Row]:
    """Reads some rows of a shard.

    Args:
      corpus: Its build.
      shard: Its entry in the manifest.
      numbers: Of the rows; each must be in [0, shard.rows).
      copy: The only copy to decode, or None for all.
      hashed: Whether the sha256 of a local shard is compared.

    Raises:
      DamagedError: if the shard is gone or damaged.
    """
    decoder = RowDecoder(corpus)
    rows: list[Row] = []
    with open_shard(corpus, shard, hashed=hashed) as reader:
        for number in numbers:
            before = reader.get_row(number - 1) if number else None
            with interpreted():
                row = decoder.decode(shard.path, number, reader.get_row(number), copy, before)
            rows.append(row)
    return rows


def evenly_spaced(rows: int, wanted: int) -> list[int]:
    """Returns numbers of rows, evenly spread over all of them."""
    count = min(rows, wanted)
    numbers: Int64 = (np.arange(count) * rows + rows // 2) // max(count, 1)
    return numbers.tolist()


def example_rows(corpus: Corpus, wanted: int = 12, *, hashed: bool = True) -> list[Row]:
    """Returns rows of the first training shard that has any, spread over it, with one copy."""
    for shards in corpus.splits.values():
        for shard in shards:
            if shard.rows:
                numbers = evenly_spaced(shard.rows, wanted)
                return read_rows(corpus, shard, numbers, copy=0, hashed=hashed)
    return []
