"""Query-title pairs labelled by relevance: clicked, shown, random."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Packing, Windows
from transforms.contract.axes import PairTask
from transforms.pairs.linked_pairs import find_linked, without_openings
from transforms.pairs.pair_segments import excess_tokens
from transforms.pairs.pairing import Pairing
from transforms.pairs.sentence_distance import document_borders
from transforms.records.query_titles import RELEVANCES, SIGNS


@dataclasses.dataclass(frozen=True, kw_only=True)
class QueryTitles(Pairing):
    """Pairs of a query (A) and a title (B) of a search engine's log; a record makes one pair.

    The records are JSON lines such as {"query": "...", "title": "...", "label": 0}, read with
    `--text-field query,title,label`. Label 0 is a title that was clicked ("clicked"), 1 one that
    was shown and not clicked ("shown"), 2 one that was taken at random ("random"). A record without
    query or title, or with another label, is set aside. One whose query or title has no letter,
    digit or ideograph makes no pair. A pair that is too long loses tokens at the end of both, from
    the longer of them first.

    Randomness: none, but for the target length.
    Source: Sun et al. 2020, ERNIE 2.0, 4.2.3, IR relevance task.
    Differs: pairs of label 2 are those of the records, and none are drawn here, so that a log that
      has none teaches two classes of three.
    """

    relations: ClassVar[Sequence[str]] = RELEVANCES
    task: ClassVar[PairTask | None] = PairTask("relevance", "relevance_label")
    records: ClassVar[bool] = True
    segments_say: ClassVar[bool] = True
    wants: ClassVar[str] = (
        "none of them is a query and a title; it needs JSON lines of a query, a title and a label, "
        "whose fields --text-field names, as in query,title,label"
    )

    @property
    def openings(self) -> Sequence[str]:
        return SIGNS

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        tokens, offsets = packing.tokens, packing.tokens.sentence_offsets
        linked = find_linked(tokens, SIGNS)
        begins, ends = document_borders(tokens.document_offsets)
        _, chosen = np.unique(begins[linked.sentences], return_index=True)
        titles = linked.sentences[chosen]
        first = np.stack([offsets[begins[titles]], offsets[titles]], axis=1)
        second = np.stack([linked.texts[chosen], offsets[ends[titles]]], axis=1)
        most = np.minimum(packing.targets[titles], capacity)
        off_first, off_second = excess_tokens(first, second, most)
        first[:, 1] -= off_first
        second[:, 1] -= off_second
        return Windows(without_openings(tokens, SIGNS), first, second, linked.codes[chosen])
