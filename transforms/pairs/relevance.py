"""Query-title pairs labelled by relevance: clicked, shown, random."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Int64, Tokens
from schemas.windows import Packing, Windows
from transforms.arrays.excess import excess_tokens
from transforms.contract.packing import PairTask
from transforms.pairs.pairing import Pairing
from transforms.records.labelled_records import RELEVANCES


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryTitles(Pairing):
    """Pairs of a query (A) and a title (B) of a search engine's log; a record makes one pair.

    The records are JSON lines such as {"query": "...", "title": "...", "label": 0}, read with
    `--text-field query,title,label`. Label 0 is a title that was clicked ("clicked"), 1 one that
    was shown and not clicked ("shown"), 2 one that was taken at random ("random"). A record without
    query or title, or with another label, is rejected. One whose query or title has no letter,
    digit or ideograph makes no pair. A pair that is too long loses tokens at the end of both, from
    the longer of them first.

    Randomness: none, but for the target length.
    Source: Sun et al. 2020, ERNIE 2.0, 4.2.3, IR relevance task.
    Differs: pairs of label 2 are those of the records, and none are sampled here, so that a log
      that has none teaches two classes of three.
    """

    relations: ClassVar[Sequence[str]] = RELEVANCES
    task: ClassVar[PairTask | None] = PairTask("relevance", "relevance_label")
    records: ClassVar[bool] = True
    alphanumeric_segments: ClassVar[bool] = True
    no_examples_reason: ClassVar[str] = (
        "none of them is a query and a title; it needs JSON lines of a query, a title and a label, "
        "whose fields --text-field names, as in query,title,label"
    )

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        tokens, offsets = packing.tokens, packing.tokens.sentence_offsets
        if tokens.labels is None:
            none = np.empty((0, 2), np.int64)
            return Windows(tokens, none, none, np.empty(0, np.uint8))
        documents, titles = _titles(tokens)
        begins, ends = tokens.document_offsets[documents], tokens.document_offsets[documents + 1]
        first = np.stack([offsets[begins], offsets[titles]], axis=1)
        second = np.stack([offsets[titles], offsets[ends]], axis=1)
        most = np.minimum(packing.targets[titles], capacity)
        off_first, off_second = excess_tokens(first, second, most)
        first[:, 1] -= off_first
        second[:, 1] -= off_second
        relation = tokens.labels.first(0)[documents].astype(np.uint8)
        return Windows(tokens, first, second, relation)


def _titles(tokens: Tokens) -> tuple[Int64, Int64]:
    """Finds the documents of two lines, and the first sentence of the second line of each.

    Example, documents of 3 and 1 sentences, of which sentences 1, 2 and 3 end a line: the first
    document has its title at sentence 2, the other is a single line and is left out.
    """
    lines = np.flatnonzero(tokens.ends_line)
    borders = np.searchsorted(lines, tokens.document_offsets)
    documents = np.flatnonzero(np.diff(borders) > 1)
    return documents, lines[borders[documents]] + 1
