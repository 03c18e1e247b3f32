"""Source over target: what an encoder reads of a row, and below it what a decoder writes."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipelines.report.row import (
    KEPT,
    MASKED,
    RANDOM,
    REMOVED,
    SENTENCE,
    SPECIAL,
    TEXT,
    Edited,
    EditedCell,
)
from schemas.edits import EACH, NOTHING, ONE, TOKEN
from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.sequences import CleanRows, arranged, sentence_counts
from transforms.contract.stored import StoredBatch
from transforms.objectives.recipe import Recipe


class EditedRows:
    """Shows the edits of rows.

    Args:
      recipe: Of an encoder and a decoder.
      vocabulary: Of the tokenizer.
    """

    def __init__(self, recipe: Recipe, vocabulary: Vocabulary) -> None:
        assert recipe.denoise is not None
        self._target, self._layout = recipe.denoise.target, recipe.layout
        self._vocabulary = vocabulary

    def show(
        self, stored: StoredBatch, copy: int, pieces: Sequence[str], name: Callable[[int], str]
    ) -> Edited:
        """Returns a copy of a row.

        Args:
          stored: The row alone.
          copy: Which copy.
          pieces: Its tokens as people read them.
          name: Returns what a token is called.
        """
        edits = stored.edits.take(np.array([copy]))
        made = self._target.sequences(stored.clean, edits, self._layout, self._vocabulary)
        edits = self._target.completed(stored.clean, edits, self._vocabulary)
        begins = self._sentences(stored.clean, edits.orders)
        order = np.arange(len(stored.ids))
        if edits.orders is not None:
            order = arranged(stored.clean, edits.orders, self._layout.edges, order)
        text = [pieces[position] for position in order.tolist()]
        special = stored.special[order].tolist()
        cells: list[EditedCell] = []
        read, token, own = 0, 0, edits.ids.values.tolist()
        spans = zip(edits.starts.tolist(), edits.ends.tolist(), edits.fills.tolist(), strict=True)
        for start, end, fill in [*spans, (len(text), len(text), NOTHING)]:
            for position in range(read, start):
                if number := begins.get(int(order[position])):
                    cells.append(EditedCell(SENTENCE, str(number)))
                kind = SPECIAL if special[position] else TEXT
                cells.append(EditedCell(kind, text[position]))
            tops: list[tuple[str, str]] = []
            if fill == TOKEN:
                tops, token = [(MASKED, self._sign(token))], token + 1
            elif fill in (ONE, EACH):
                count = 1 if fill == ONE else end - start
                clean = stored.ids[order[start:end]].tolist() if fill == EACH else [-1]
                tops = [*self._seen(own[:count], clean, name)]
                own = own[count:]
            cells += _stacked(tops, text[start:end])
            read = end
        return Edited(
            copy=copy,
            source=made.source.values.tolist(),
            target=made.target.values.tolist(),
            edits=len(edits.starts),
            rotation=0 if edits.rotations is None else int(edits.rotations[0]),
            cells=cells,
        )

    def _sign(self, token: int) -> str:
        """Returns what is shown for a token that stands for a span: the number of a sentinel."""
        return str(token) if self._target.sentinels else self._vocabulary.names["mask"]

    def _seen(
        self, ids: Sequence[int], clean: Sequence[int], name: Callable[[int], str]
    ) -> Iterator[tuple[str, str]]:
        mask = self._vocabulary.roles.get("mask")
        for number, original in zip(ids, clean, strict=True):
            kind = MASKED if number == mask else KEPT if number == original else RANDOM
            yield kind, name(number)

    def _sentences(self, rows: CleanRows, orders: object) -> dict[int, int]:
        """Returns the number of the sentence, from 1, that begins at each position."""
        if orders is None:
            return {}
        before, _ = edges = self._layout.edges
        assert rows.sentences is not None
        starts: Int64 = np.flatnonzero(rows.sentences)
        count = int(sentence_counts(rows, edges)[0])
        places = [before, *starts[starts > before].tolist()][:count]
        return {place: number for number, place in enumerate(places, 1)}


def _stacked(tops: Sequence[tuple[str, str]], below: Sequence[str]) -> Iterator[EditedCell]:
    """Yields what stands for tokens over these, the first one over the first."""
    for number in range(max(len(tops), len(below))):
        kind, text = tops[number] if number < len(tops) else (REMOVED, "")
        yield EditedCell(kind, text, below[number] if number < len(below) else "")
