"""Pairs of a text and a sentence that a discourse marker links; the marker is the relation."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from schemas.windows import Packing, Windows
from transforms.arrays.excess import excess_tokens
from transforms.contract.packing import PairTask
from transforms.pairs.linked_pairs import find_linked, without_openings
from transforms.pairs.pairing import Pairing
from transforms.pairs.sentence_distance import document_borders
from transforms.text.marker_lists import MARKER_LISTS
from transforms.text.openings import MAX_OPENINGS


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscourseMarkers(Pairing):
    """Pairs whose B began with a discourse marker, which is removed and predicted.

    Every sentence that begins with a marker of the list, and has another sentence of its document
    before it, makes a pair. B is that sentence without its marker, the comma behind it and the
    spaces around. A is the text before it: as many whole sentences as fit with B into the target
    length, at least one, and always up to the one right before B. The letters A to Z match in
    either case; behind a marker there must be a space or a comma, unless it ends in a Chinese or
    Japanese character; of several markers that fit, the longest counts. A pair that is too long
    loses tokens at the front of A and at the end of B, from the longer of them first. Sentences
    whose tokenizer has no border where the marker ends make no pair, nor do those without a letter,
    digit or ideograph behind the marker ("But..."), nor an A without one. Labels are the numbers of
    the markers in the list, from 0.

    Attributes:
      markers: The markers, separated by commas. "english" and "chinese" stand for the built-in
        lists. `--markers FILE` reads another list, a marker a line.

    Randomness: none, but for the target length.
    Source: Sun et al. 2020, ERNIE 2.0, 4.2.3, discourse relation task; Sileo et al. 2019
      (Discovery), whose pairs are of the same kind.
    Differs: the paper does not say which markers it has, so that the lists are our own; there are
      no pairs without a marker. A is all the text that fits, not one clause.
    """

    task: ClassVar[PairTask | None] = PairTask("discourse", "discourse_label")
    alphanumeric_segments: ClassVar[bool] = True
    no_examples_reason: ClassVar[str] = (
        "none of the sentences behind another one of their document begins with a marker of the "
        "list; give a list for the language of the text with --markers FILE"
    )

    markers: tuple[str, ...] = ("english", "chinese")

    def __post_init__(self) -> None:
        check_markers(self.relations)

    @functools.cached_property
    def relations(self) -> Sequence[str]:
        """The markers, those of built-in lists among them."""
        lists = (MARKER_LISTS.get(marker, (marker,)) for marker in self.markers)
        return tuple(marker for each in lists for marker in each)

    @property
    def openings(self) -> Sequence[str]:
        return self.relations

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        tokens = packing.tokens
        linked, offsets = find_linked(tokens, self.openings), tokens.sentence_offsets
        sentences = linked.sentences
        middles, ends = offsets[sentences], offsets[sentences + 1]
        room = np.maximum(packing.targets[sentences] - (ends - linked.texts), 0)
        begins, _ = document_borders(tokens.document_offsets)
        earliest = np.searchsorted(offsets, middles - room, "left")
        earliest = np.clip(earliest, begins[sentences], sentences - 1)
        first = np.stack([offsets[earliest], middles], axis=1)
        second = np.stack([linked.texts, ends], axis=1)
        off_first, off_second = excess_tokens(first, second, capacity)
        first[:, 0] += off_first
        second[:, 1] -= off_second
        return Windows(without_openings(tokens, self.openings), first, second, linked.codes)


def check_markers(markers: Sequence[str]) -> None:
    """Raises ValueError, saying which and why, if these cannot be the markers of a recipe."""
    if not 2 <= len(markers) <= MAX_OPENINGS:
        raise ValueError(f"there must be 2 to {MAX_OPENINGS} markers, got {len(markers)}")
    seen: set[str] = set()
    for marker in markers:
        if marker != " ".join(marker.split()) or not marker or "," in marker:
            raise ValueError(
                f"the marker {marker!r} must not be empty, nor have a comma, a line end or a space "
                "more than one between two words"
            )
        folded = marker.encode().lower().decode()
        if folded in seen:
            raise ValueError(f"the marker {marker!r} stands twice in the list; name it once")
        seen.add(folded)
