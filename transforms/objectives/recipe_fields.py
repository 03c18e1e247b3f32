"""The fields of a recipe, and what follows from them without looking into its parts."""

import dataclasses
import functools
from typing import cast

from transforms.contract.attention import BIDIRECTIONAL, ENCODER_DECODER, MULTI_FLOW, STRUCTURED
from transforms.contract.modes import Mode
from transforms.contract.packing import Pair, Segment
from transforms.contract.part import Part
from transforms.contract.predicting import Predict, PredictLabels, PredictNext
from transforms.denoise.denoise import Denoise
from transforms.labels.token_labels import TokenLabels
from transforms.objectives.corruption import Corruption, parts_of
from transforms.pairs.pair_segments import SingleSegment
from transforms.windows.lay_out import Layout


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeFields:
    """What a recipe is made of; `transforms.objectives.recipe.Recipe` adds what it must hold.

    Attributes:
      name: What the command line calls it.
      summary: One sentence for people.
      source: Paper and reference implementation.
      segment: Packs sentences into windows.
      pair: Finds the second segment, if there is one, or shuffles the only one.
      layout: Special tokens around the segments.
      corrupt: What is done to every copy.
      predict: What is predicted of rows that are not corrupted.
      denoise: What an encoder reads of every copy, and a decoder writes.
      labels: Labels of single tokens.
      modes: The ways in which a model may see the rows; training draws one for each step. Without
        any, it is always the same way.
      store: What else is stored of tokens, so that training may sample the masks of objectives that
        read it: some of words, entities, phrases and sentences, joined by commas.
      max_seq_length: Longest example in tokens, special tokens included; with a decoder the longest
        source.
      copies: Independent corruptions of each example.
      passes: How many times the corpus is segmented and paired (BERT's dupe factor).
      order: How training takes the rows: "shuffled", or "lanes": streams are dealt to lanes, and
        each row of a batch goes on where the same row of the batch before ended.
      memory: Tokens of the rows before that a model remembers in its lane; 0 for none.
      objective_column: Every row carries the name of the recipe, in a column `objective`; the
        members of a mixture have it.
      parity: Fields that restore the reference where the defaults deviate from it: path to value.
    """

    name: str
    summary: str
    source: str
    segment: Segment
    pair: Pair = SingleSegment()
    layout: Layout = Layout()
    corrupt: tuple[Corruption, ...] = (Corruption(),)
    predict: Predict | None = None
    denoise: Denoise | None = None
    labels: tuple[TokenLabels, ...] = ()
    modes: tuple[Mode, ...] = ()
    store: tuple[str, ...] = ()
    max_seq_length: int = 512
    copies: int = 10
    passes: int = 1
    order: str = "shuffled"
    memory: int = 0
    objective_column: bool = False
    parity: tuple[tuple[str, bool], ...] = ()

    @functools.cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts, those inside other parts included."""
        return tuple(parts_of(self))

    @functools.cached_property
    def shared_parts(self) -> tuple[Part, ...]:
        """The parts that no corruption has."""
        shared = self.segment, self.pair, self.layout, self.predict, self.denoise, self.labels
        return tuple(parts_of(shared))

    @property
    def attention(self) -> str:
        """Which tokens a model may see, see `transforms.contract.attention.ATTENTIONS`."""
        if self.denoise is not None:
            return MULTI_FLOW if self.denoise.target.flows else ENCODER_DECODER
        if self.predict is not None:
            return self.predict.attention
        if self.modes:
            return STRUCTURED
        return self.corrupt[0].targets.attention if self.corrupt else BIDIRECTIONAL

    @property
    def next_tokens(self) -> PredictNext | None:
        """What says which next tokens are predicted; None where none are."""
        found = self.predict
        return cast(PredictNext, found) if found is not None and found.of_next else None

    @property
    def of_words(self) -> bool:
        """Whether its tokens are whole words of a list, with counts."""
        return self.segment.of_words

    @property
    def labelled(self) -> PredictLabels | None:
        """What says what records are labelled with; None where rows are of other text."""
        found = self.predict
        return cast(PredictLabels, found) if found is not None and found.of_labels else None

    @property
    def token_types(self) -> int:
        """How many types of tokens a model is given of segments."""
        if self.modes:
            return 1 + max(max(mode.types) for mode in self.modes)
        # A target beside its source has a type of its own.
        return 2 if self.attention == MULTI_FLOW else self.segments

    @property
    def segments(self) -> int:
        """Maximum number of segments of an example: 1 or 2."""
        return self.pair.segments

    @property
    def row_length(self) -> int:
        """Tokens of the longest row, those included that are never an input at once."""
        return self.row_length_of(self.max_seq_length)

    def row_length_of(self, longest: int) -> int:
        """Returns `row_length` for another `max_seq_length`; it grows with it."""
        if self.denoise is not None:
            return self.denoise.most_tokens(longest)
        return longest + self.segment.predicted_only

    @property
    def capacity(self) -> int:
        """Tokens of text that fit into an example that has all its segments."""
        longest = self.max_seq_length if self.denoise is None else self.row_length
        return longest - self.layout.overhead(self.segments)

    @property
    def stored(self) -> tuple[Corruption, ...]:
        """The corruptions that are in the shards."""
        return tuple(each for each in self.corrupt if each.targets.stored)

    @property
    def stores_copies(self) -> bool:
        """Whether the shards have something of every copy."""
        return bool(self.stored) or self.denoise is not None
