"""Divides the windows of a stream into segments A and B: what follows, or text from elsewhere."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Bool, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking, Windows
from transforms.arrays.excess import excess_tokens
from transforms.arrays.randomness import random_bits, scaled_bits, threshold
from transforms.checks.pairs import Cases, drawn_pairs
from transforms.checks.recurrent_streams import examine_following
from transforms.contract.oracle import Findings
from transforms.contract.packing import PairTask
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.pairing import Pairing

NEXT, RANDOM = 0, 1
FREE, UNCUT, ALONE = "several_sentences", "one_sentence", "no_other_document"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamPairs(Pairing):
    """Segment A begins where the reused part of a window ends; B follows it, or is random.

    A ends at a sentence border inside the window, drawn evenly. With probability `random_rate`, and
    always where there is no such border, B is random: as many tokens as A leaves, from an even
    place, completed to whole sentences. Else B is what follows A, up to the first sentence border
    behind the window. What is too long loses tokens at the end of B, or of the longer segment where
    B is random, so every row is full. The first segment of a row is the reused part and A together.

    Attributes:
      random_rate: Probability of a random B where there is a choice.
      same_document: Take a random B from anywhere in the stream, as the reference does; it may
        overlap A or follow it. Else it is from documents that have no part in the row; a row for
        which there is none that is long enough gets the B that follows, at the middle of what is
        left for both if there is no border.
      gaps: Of a B that follows A, too, the longer segment loses tokens, as in the reference: then
        B may begin behind a gap.

    Randomness: 32 bits each for relation, border and place, for every row.
    Source: zihangdai/xlnet data_utils.py (_split_a_and_b).
    Differs: a random segment never comes from the row's own documents, unless same_document; a
      segment that follows does so without a gap, unless gaps; sentences are those of the sentence
      rules, not lines.
    """

    of_streams: ClassVar[bool] = True
    relations: ClassVar[Sequence[str]] = ("next", "random")
    task: ClassVar[PairTask | None] = None

    random_rate: float = 0.5
    same_document: bool = False
    gaps: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.random_rate <= 1:
            raise ValueError(f"random_rate must be in [0, 1], got {self.random_rate}")

    @property
    def needs_others(self) -> bool:
        return not self.same_document

    @property
    def cases(self) -> Cases:
        chances = {"next": 1 - self.random_rate, "random": self.random_rate}
        return {FREE: chances, UNCUT: {"random": 1.0}, ALONE: {"next": 1.0}}

    def pair(self, packing: StreamPacking, capacity: int, rng: np.random.Generator) -> Windows:
        documents = len(packing.tokens.document_offsets) - 1
        if documents == len(packing.borders) - 1 and not self.same_document:
            raise LoneDocumentError("a random segment needs another document, and there is none")
        count = len(packing.windows)
        stream = np.zeros(count, np.int64) if packing.stream is None else packing.stream
        chances, cuts, places = (random_bits(rng, count) for _ in range(3))
        sentences = packing.tokens.sentence_offsets
        begins, ends = packing.windows[:, 0] + packing.reuse_len, packing.windows[:, 1]
        # Borders strictly inside the window, and the first one at its end or behind it.
        low, high = np.searchsorted(sentences, begins, "right"), np.searchsorted(sentences, ends)
        choices = (high - low).astype(np.uint64)
        middles = sentences[np.where(high > low, low + scaled_bits(cuts, choices), high)]
        sizes = np.maximum(ends - middles, 1)
        places_before, places_behind, behind = self._places(packing, stream, middles, sizes)
        room = places_before + places_behind
        uncut = high == low
        random = (uncut | (chances < threshold(self.random_rate))) & (room > 0)
        drawn = scaled_bits(places, room.astype(np.uint64))
        stream_begins = packing.borders[stream]
        place = np.where(
            drawn < places_before, stream_begins + drawn, behind + drawn - places_before
        )
        # Neither a border nor another document: A and B are the halves of what there is.
        middles = np.where(uncut & ~random, (begins + ends) // 2, middles)
        second = np.stack([middles, sentences[high]], axis=1)
        second[random] = _whole_sentences(sentences, place[random], sizes[random])
        first = np.stack([begins, middles], axis=1)
        off_first, off_second = excess_tokens(first, second, ends - begins)
        if not self.gaps:
            off_second = np.where(random, off_second, off_first + off_second)
            off_first = np.where(random, off_first, 0)
        second[:, 1] -= off_second
        case = np.where(room == 0, 2, np.where(uncut, 1, 0))
        relation = np.where(random, RANDOM, NEXT).astype(np.uint8)
        return Windows(
            packing.tokens,
            np.stack([packing.windows[:, 0], middles - off_first], axis=1),
            second,
            relation,
            {**packing.drawn, **drawn_pairs(case, relation, self.cases, self.relations)},
            packing.stream,
            backward_windows(packing),
            packing.reuse_len,
        )

    def examine_neighbours(
        self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary
    ) -> Findings:
        return Findings() if self.gaps else examine_following(batch, rules)

    def _places(
        self, packing: StreamPacking, stream: Int64, middles: Int64, sizes: Int64
    ) -> tuple[Int64, Int64, Int64]:
        """Returns int64[W] three times: where a random B of these sizes may begin.

        Example, a stream of 20 tokens, a row within the document [6, 12) and a B of 4 tokens: it
        may begin at 0, 1, 2, and at 12 to 16: 3 places at the stream's begin, 5 from 12 on.

        Returns:
          How many places there are from the begin of the stream on, how many behind the row's
          documents, and where those begin.
        """
        begins, ends = packing.borders[stream], packing.borders[stream + 1]
        if self.same_document:
            nothing = np.zeros(len(middles), np.int64)
            return nothing, np.maximum(ends - begins - sizes + 1, 0), begins
        borders = packing.tokens.sentence_offsets[packing.tokens.document_offsets]
        first = borders[np.searchsorted(borders, packing.windows[:, 0], "right") - 1]
        last = borders[np.searchsorted(borders, middles, "left")]
        before = np.maximum(first - begins - sizes + 1, 0)
        return before, np.maximum(ends - last - sizes + 1, 0), last


def _whole_sentences(sentences: Int64, places: Int64, sizes: Int64) -> Int64:
    """Returns int64[N, 2]: ranges of tokens, completed to whole sentences.

    Example, sentences that begin at 0, 4, 9: [5, 8) becomes [4, 9).
    """
    begins = sentences[np.searchsorted(sentences, places, "right") - 1]
    ends = sentences[np.searchsorted(sentences, places + sizes, "left")]
    return np.stack([begins, ends], axis=1)


def backward_windows(packing: StreamPacking) -> Bool | None:
    """Returns bool[W]: the windows of the reversed stream; None if there is none."""
    if len(packing.borders) <= 2 or packing.stream is None:
        return None
    found: Bool = packing.stream == 1
    return found
