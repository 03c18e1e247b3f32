"""The axis of a recipe whose corruption may change the length of a row."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas import columns
from schemas.arrow_columns import numbers
from schemas.columns import Column
from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from schemas.wording import counted
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.edits import Edits
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import Noise, NoiseBatch, Writes
from transforms.contract.rules import RowLayout, StoredEdits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoise:
    """What an encoder reads of a row, and what a decoder writes.

    Attributes:
      noise: Is applied in this order.
      target: What the decoder writes.
    """

    noise: tuple[Noise, ...]
    target: Writes

    def __post_init__(self) -> None:
        for each in self.noise:
            name, target = type(each).__name__, type(self.target).__name__
            if self.target.kind not in each.kinds:
                raise ValueError(f"{name} makes no noise for {target}, which writes something else")
            if each.alone and len(self.noise) > 1:
                raise ValueError(f"{name} must be the only noise, and there are {len(self.noise)}")
        names = [type(each).__name__ for each in self.active if each.spans_made]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]} is there twice, and its counts would be added up")
        if late := [each for each in self.noise[1:] if each.reorders]:
            raise ValueError(f"{type(late[0]).__name__} must come before all other noise")
        if early := [each for each in self.noise[:-1] if each.rotates]:
            raise ValueError(f"{type(early[0]).__name__} must come after all other noise")
        if not self.active:
            raise ValueError("all noise is switched off; set a rate above 0")

    @functools.cached_property
    def active(self) -> tuple[Noise, ...]:
        """The noise that does something."""
        return tuple(each for each in self.noise if each.active)

    @functools.cached_property
    def rules(self) -> StoredEdits:
        """How its edits are stored."""
        return StoredEdits(
            part=self.active[0].part,
            ids=any(each.stores_ids for each in self.active),
            orders=any(each.reorders for each in self.active),
            rotations=any(each.rotates for each in self.active),
            seeds=any(each.seeds for each in self.active),
            marked=self.target.marked,
            one_maker=sum(each.spans_made for each in self.active) == 1,
        )

    def most_tokens(self, room: int) -> int:
        """Returns how many tokens a row may have, such that a source has at most so many."""
        room -= len(self.target.end)
        return min((each.most_tokens(room) for each in self.active), default=room)

    def most_taken(self, text: int) -> int:
        """Returns how many tokens are taken away, at most, of a text of so many."""
        return max(each.most_taken(text) for each in self.active)

    def columns(self, id_type: str) -> tuple[Column, ...]:
        """Returns what is stored of edits, for ids of "uint16" or "uint32"."""
        found = [columns.EDITS if self.rules.part is None else columns.FRAGMENT_STARTS]
        found += [columns.edit_ids(id_type)] if self.rules.ids else []
        found += [columns.SENTENCE_ORDERS] if self.rules.orders else []
        found += [columns.ROTATIONS] if self.rules.rotations else []
        found += [columns.NOISE_SEED] if self.rules.seeds else []
        return tuple(found)

    def check_sentinels(self, tokens: int, vocabulary: Vocabulary) -> None:
        """Checks that a tokenizer has sentinels for all spans of rows of so many tokens.

        Raises:
          ValueError: saying how many there are, and how many are needed.
        """
        wanted = max((each.spans(tokens) for each in self.active), default=0)
        there = len(vocabulary.sentinels)
        if self.target.sentinels and there < wanted:
            raise ValueError(
                f"the tokenizer has {counted(there, 'sentinel')}, <extra_id_0> and so on, and rows "
                f"of {counted(tokens, 'token')} have up to {counted(wanted, 'span')}; make a "
                f"tokenizer with `shardmill vocab --sentinels {max(wanted, 100)}`, or take shorter "
                "rows"
            )

    def draw(
        self,
        examples: Examples,
        rows: Int64,
        layout: RowLayout,
        vocabulary: Vocabulary,
        draws: Sequence[Copies],
    ) -> Edits:
        """Returns edits for every copy of some rows.

        Args:
          examples: The rows; their ids may be written to.
          rows: int64[R]; their numbers.
          layout: Special tokens around the text of a row.
          vocabulary: Of the tokenizer.
          draws: The keys of each active noise.
        """
        batch = NoiseBatch(examples, rows, layout, self.target.tokens(vocabulary), vocabulary)
        edits = Edits.none(len(rows) * len(draws[0]), vocabulary.id_type)
        for noise, copies in zip(self.active, draws, strict=True):
            edits = noise.apply(edits, batch, copies)
        return edits

    def arrays(self, edits: Edits, copies: int) -> list[pa.Array]:
        """Returns edits as Arrow columns, see `columns`."""
        rows: Int64 = np.arange(0, len(edits) + 1, copies)
        if self.rules.part is not None:
            # Each list has one span.
            return [arrow_list(rows, numbers(edits.starts)), *self._seeds(edits, copies)]
        lists = [edits.encoded()]
        lists += [edits.ids] if self.rules.ids else []
        if self.rules.orders:
            assert edits.orders is not None
            lists.append(edits.orders)
        found = [arrow_list(rows, arrow_list(each.offsets, numbers(each.values))) for each in lists]
        if edits.rotations is not None:
            found.append(arrow_list(rows, numbers(edits.rotations)))
        return [*found, *self._seeds(edits, copies)]

    @staticmethod
    def _seeds(edits: Edits, copies: int) -> list[pa.Array]:
        """Returns the seed of each row, that of its first copy, whose number is 0."""
        return [] if edits.seeds is None else [numbers(edits.seeds[::copies].astype(np.uint32))]
