"""A recipe: the frozen value that says how one objective's examples are built."""

import bisect
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from schemas import columns
from schemas.columns import Column
from schemas.vocabulary import Vocabulary
from schemas.wording import counted
from transforms.contract.axes import (
    BIDIRECTIONAL,
    ENCODER_DECODER,
    MULTI_FLOW,
    PADDED,
    STRUCTURED,
    Pair,
    Predict,
    Rewrite,
    Segment,
    Select,
    Targets,
)
from transforms.contract.modes import Mode, check_modes
from transforms.contract.part import Part
from transforms.contract.rules import RowRules, StoredCorruption
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.targets import MaskedTokens
from transforms.denoise.denoise import Denoise
from transforms.labels.token_labels import TokenLabels
from transforms.pairs.pair_segments import SingleSegment
from transforms.text.openings import opening_name
from transforms.windows.lay_out import Layout

MAX_LENGTH = (1 << 16) - 1
"""Positions are stored as uint16."""
MAX_COPIES = 1000
"""A row holds the masks of all its copies, and the rows of a shard are held in memory together."""
MAX_MEMORY = 1 << 16
"""Tokens that a model may remember of the rows before."""
ORDERS = ("shuffled", "lanes")
MAX_PASSES = 1000
"""The rows of all passes over a shard are held in memory together."""


class MismatchError(ValueError):
    """Two parts do not go together.

    Attributes:
      field: The field that needs another part.
      fits: Says whether a part can stand there.
    """

    def __init__(self, message: str, field: str, fits: Callable[[Any], bool]) -> None:
        super().__init__(message)
        self.field, self.fits = field, fits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corruption:
    """One corruption of examples, which the model learns to undo.

    Attributes:
      select: Chooses spans.
      rewrite: Says what the model sees there.
      targets: Says which columns record it.
    """

    select: Select = BudgetedUnits()
    rewrite: Rewrite = MaskRandomKeep()
    targets: Targets = MaskedTokens()

    def __post_init__(self) -> None:
        if self.select.cycle > 1 and not self.targets.stored:
            raise MismatchError(
                "stages are shared out among stored copies, and "
                f"{type(self.targets).__name__} stores none",
                "select",
                lambda select: select.cycle == 1,
            )
        length = self.rewrite.span_length
        if length is not None and length != self.select.span_length:
            raise MismatchError(
                f"{type(self.rewrite).__name__} needs spans of {length} tokens each, and "
                f"{type(self.select).__name__} selects other spans",
                "select",
                lambda select: select.span_length == length,
            )

    def columns(self, id_type: str) -> tuple[Column, ...]:
        """Returns what it stores, for ids of "uint16" or "uint32"."""
        stored = self.targets.columns(id_type)
        staged = bool(self.select.stage_numbers(1))
        return (*stored, columns.stages(self.targets.name)) if staged else stored

    def rules(self, copies: int) -> StoredCorruption:
        """Returns the columns of a corruption that is stored so many times a row."""
        positions, seen = self.targets.columns("uint16")
        return StoredCorruption(
            name=self.targets.name,
            positions=positions.name,
            seen=seen.name,
            holds_ids=self.targets.holds_ids,
            stages=tuple(self.select.stage_numbers(copies)),
        )

    @functools.cached_property
    def parts(self) -> tuple[Part, ...]:
        """All its parts, those inside other parts included."""
        return tuple(_parts_of((self.select, self.rewrite, self.targets)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to build the examples of one objective.

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

    def __post_init__(self) -> None:
        self._check_length()
        for name, most in {"copies": MAX_COPIES, "passes": MAX_PASSES}.items():
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be in [1, {most}], got {getattr(self, name)}")
        self._check_segment()
        self._check_order()
        for name in self.store:
            if name not in columns.OF_TEXT:
                known = ", ".join(columns.OF_TEXT)
                raise ValueError(f"store takes some of {known}, joined by commas; got {name!r}")
        if not self.stores_copies and self.copies != 1:
            raise ValueError(
                f"copies must be 1 for {self.name}, which stores no masks; got {self.copies}"
            )
        self._check_corruptions()
        self._check_modes()
        names = [column.name for column in self.columns("uint16")]
        if len(set(names)) < len(names):
            raise ValueError(f"two parts of {self.name} store the same column: {', '.join(names)}")

    def _check_length(self) -> None:
        """Refuses rows without room for text, and such as are longer than positions can be."""
        least, given = self.layout.overhead(self.segments) + 2, self.max_seq_length
        if least <= given <= MAX_LENGTH and self._row_length(given) <= MAX_LENGTH:
            return
        most = bisect.bisect_right(range(MAX_LENGTH + 1), MAX_LENGTH, key=self._row_length) - 1
        what = "" if most == MAX_LENGTH else f", whose rows have at most {MAX_LENGTH} tokens"
        raise ValueError(
            f"max_seq_length must be in [{least}, {most}] for {self.name}{what}, got {given}"
        )

    def _check_segment(self) -> None:
        """Refuses windows that the pairing does not take, or that have no room for segments."""
        if bool(self.pair.relations) != self.segment.for_pairs:
            pairs = "with" if self.pair.relations else "without"
            raise MismatchError(
                f"{self.name}: {type(self.segment).__name__} does not go with "
                f"{type(self.pair).__name__}, which makes a recipe {pairs} pairs",
                "segment",
                lambda segment: _fit(segment, self.pair),
            )
        if self.pair.of_streams != self.segment.of_streams:
            streams = self.segment.of_streams
            raise MismatchError(
                f"{self.name}: {type(self.segment).__name__} makes "
                f"{'streams' if streams else 'windows of sentences'}, and "
                f"{type(self.pair).__name__} does not take them",
                "pair",
                lambda pair: _fit(self.segment, pair),
            )
        if self.capacity < 2:
            raise ValueError(
                f"max_seq_length of {self.max_seq_length} is too short for {self.name}: a row "
                f"would have {counted(self.capacity, 'token')} of text, and needs two"
            )
        reused = self.segment.reused(self.capacity)
        if reused + 2 > self.capacity:
            raise ValueError(
                f"reuse_len must be at most {self.capacity - 2} for {self.name} with a "
                f"max_seq_length of {self.max_seq_length}, which has {self.layout.overhead(2)} "
                f"special tokens and a token of each segment besides; got {reused}"
            )

    def _check_order(self) -> None:
        """Refuses an order or a memory that rows are not made for."""
        if self.order not in ORDERS:
            raise ValueError(f"order must be {' or '.join(ORDERS)}, got {self.order!r}")
        if self.order == "lanes" and not self.segment.streams:
            raise ValueError(
                f"order must be shuffled for {self.name}, whose rows are no streams, got "
                f"{self.order!r}"
            )
        if not 0 <= self.memory <= MAX_MEMORY:
            raise ValueError(f"memory must be in [0, {MAX_MEMORY}], got {self.memory}")
        if self.memory and self.order != "lanes":
            raise ValueError(
                f"memory must be 0 for {self.name}, whose rows are shuffled, got {self.memory}; or "
                "set order to lanes"
            )

    def _check_corruptions(self) -> None:
        if self.predict is not None and self.corrupt:
            raise ValueError(
                f"{self.name} corrupts its rows, so predict must be none: "
                f"{type(self.predict).__name__} is for rows that are not corrupted"
            )
        if self.denoise is not None and (
            self.corrupt or self.predict or self.labels or self.pair.relations
        ):
            raise ValueError(
                f"{self.name} has an encoder and a decoder, so corrupt, predict and labels must be "
                "none, and its rows have no pairs"
            )
        for corruption in self.corrupt[1:]:
            if not corruption.select.avoids_taken:
                raise ValueError(
                    f"{type(corruption.select).__name__} does not leave alone what a corruption "
                    f"before it selected, so it must be the first of {self.name}"
                )
        kinds = [corruption.targets.name for corruption in self.corrupt]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"two corruptions of {self.name} have the same name: {kinds}")
        if self.stored and len(self.stored) < len(self.corrupt):
            # Sampled in training, a corruption could not leave alone what is stored of another.
            fresh = [each.targets.name for each in self.corrupt if not each.targets.stored]
            raise ValueError(
                f"{self.name} stores what some corruptions select, and what {', '.join(fresh)} "
                "selects is sampled in training; let the targets of all be stored, or of none"
            )
        if self.corrupt and not self.corrupt[0].targets.can_be_first:
            raise ValueError(
                f"{type(self.corrupt[0].targets).__name__} cannot be the targets of the first "
                f"corruption of {self.name}"
            )
        self._check_losses()

    def _check_modes(self) -> None:
        """Refuses modes of attention for rows that have an attention of their own."""
        check_modes(self.modes, self.segments)
        own = [part for part in (self.predict, *(each.targets for each in self.corrupt)) if part]
        other = [type(part).__name__ for part in own if part.attention != BIDIRECTIONAL]
        if self.modes and (other or not self.corrupt):
            what = f"{other[0]} has an attention of its own" if other else "nothing is masked"
            raise ValueError(f"modes of attention are for masked rows, and in {self.name} {what}")
        if self.modes and self.segment.dialogue:
            raise ValueError(
                f"modes of attention are for segments, and rows of {self.name} are dialogues; "
                f"leave modes out, or take another segment than {type(self.segment).__name__}"
            )
        if self.modes and self.layout.own_types:
            raise ValueError(
                f"layout.own_types must be empty for {self.name}, whose modes say all token types, "
                f"got {','.join(self.layout.own_types)}"
            )

    def _check_losses(self) -> None:
        """Refuses losses with the same name."""
        names = [
            name
            for number, corruption in enumerate(self.corrupt)
            for name in corruption.targets.losses(first=number == 0)
        ]
        names += [labels.name for labels in self.labels]
        names += [] if self.pair.task is None else [self.pair.task.name]
        names += [] if self.predict is None else [self.predict.name]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two losses of {self.name} have the same name, {', '.join(twice)}; give the "
                "targets of one corruption another name"
            )

    @functools.cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts, those inside other parts included."""
        return tuple(_parts_of(self))

    @functools.cached_property
    def shared_parts(self) -> tuple[Part, ...]:
        """The parts that no corruption has."""
        shared = self.segment, self.pair, self.layout, self.predict, self.denoise, self.labels
        return tuple(_parts_of(shared))

    @property
    def attention(self) -> str:
        """Which tokens a model may see, see `transforms.contract.axes.ATTENTIONS`."""
        if self.denoise is not None:
            return MULTI_FLOW if self.denoise.target.flows else ENCODER_DECODER
        if self.predict is not None:
            return self.predict.attention
        if self.modes:
            return STRUCTURED
        return self.corrupt[0].targets.attention if self.corrupt else BIDIRECTIONAL

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

    @functools.cached_property
    def rules(self) -> RowRules:
        """What its rows must hold."""
        return RowRules(
            name=self.name,
            max_seq_length=self.row_length,
            copies=self.copies,
            passes=self.passes,
            layout=self.layout,
            segments=self.segments,
            min_segments=1 if columns.NO_SECOND in self.pair.relations else self.segments,
            capacity=self.capacity,
            relations=self.pair.relations,
            alphanumeric_segments=self.pair.alphanumeric_segments,
            turns=self.segment.dialogue,
            inner_roles=frozenset(role for part in self.parts for role in part.inner_roles),
            words_stored=columns.WORDS in self.store,
            annotations=self.annotations,
            corruptions=tuple(each.rules(self.copies) for each in self.stored),
            objective_column=self.objective_column,
            of_streams=self.segment.of_streams,
            streams=self.segment.streams,
            reuse_len=self.segment.reused(self.capacity),
            edits=None if self.denoise is None else self.denoise.rules,
        )

    @property
    def row_length(self) -> int:
        """Tokens of the longest row, those included that are never an input at once."""
        return self._row_length(self.max_seq_length)

    def _row_length(self, longest: int) -> int:
        """Returns the same for another `max_seq_length`; it grows with it."""
        if self.denoise is not None:
            return self.denoise.most_tokens(longest)
        return longest + self.segment.predicted_only

    @property
    def capacity(self) -> int:
        """Tokens of text that fit into an example that has all its segments."""
        longest = self.max_seq_length if self.denoise is None else self.row_length
        return longest - self.layout.overhead(self.segments)

    @functools.cached_property
    def needs(self) -> frozenset[str]:
        """What has to be known of every token.

        "words", names of `columns.ANNOTATIONS`, and those of `openings`.
        """
        return frozenset(self.store).union(self.openings, *(part.needs for part in self.parts))

    @functools.cached_property
    def openings(self) -> Mapping[str, Sequence[str]]:
        """What sentences may begin with that its parts have to know, by annotation."""
        wanted = (part.openings for part in self.parts if part.openings)
        return {opening_name(openings): openings for openings in wanted}

    @property
    def needs_words(self) -> bool:
        """Whether word starts are found and stored."""
        return columns.WORDS in self.needs

    @property
    def annotations(self) -> tuple[str, ...]:
        """What else is stored of tokens, in the order of its columns."""
        named = self.needs.union(labels.name for labels in self.labels)
        return tuple(name for name in columns.ANNOTATIONS if name in named)

    @property
    def follows_counts(self) -> bool:
        """Whether random tokens follow the counts of a vocabulary that has some.

        Those of an objective that is chosen in training may.
        """
        return not (self.corrupt or self.denoise) or any(part.follows_counts for part in self.parts)

    @property
    def stored(self) -> tuple[Corruption, ...]:
        """The corruptions that are in the shards."""
        return tuple(each for each in self.corrupt if each.targets.stored)

    @property
    def stores_copies(self) -> bool:
        """Whether the shards have something of every copy."""
        return bool(self.stored) or self.denoise is not None

    @property
    def roles(self) -> frozenset[str]:
        """Special tokens that a tokenizer must have for this recipe."""
        noise = () if self.denoise is None else self.denoise.active
        written = [corruption.rewrite.roles for corruption in self.corrupt]
        written += [each.roles for each in noise]
        return self.layout.roles.union(*written, *(part.required_roles for part in self.parts))

    @property
    def training_roles(self) -> frozenset[str]:
        """Special tokens that rows may lack, and that a model trained on them needs.

        Rows of which nothing is predicted are for objectives that mask.
        """
        drawn = not (self.corrupt or self.predict or self.denoise)
        padding = {"pad"} if self.attention in PADDED else set()
        return frozenset(padding | {"mask"} if drawn else padding)

    def check_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Checks that a tokenizer has the special tokens of this recipe, each for one purpose.

        Those that training needs are among them: a build without them could not be trained on.

        Raises:
          ValueError: naming the token and the option that names another.
        """
        vocabulary.require(self.roles | self.training_roles)
        if self.denoise is not None:
            self.denoise.check_sentinels(self.row_length, vocabulary)
        roles = vocabulary.roles
        ends = {role for role in self.layout.roles if roles.get("eod") == roles[role]}
        if ends and self.segment.of_streams:
            raise ValueError(
                f"{vocabulary.names['eod']!r} is the token of eod and of {' and of '.join(ends)}, "
                f"and rows of {self.name} have them all; name another with --eod-token TOKEN"
            )
        if self.segment.dialogue and roles["cls"] == roles["sep"]:
            raise ValueError(
                f"{vocabulary.names['sep']!r} is the token of cls and of sep, and {self.name} "
                "separates turns by sep; name another with --cls-token TOKEN or --sep-token TOKEN"
            )

    def columns(self, id_type: str) -> tuple[Column, ...]:
        """Returns the columns of its shards, for ids of "uint16" or "uint32"."""
        found = [columns.input_ids(id_type), columns.SECOND_SEGMENT_START]
        if self.pair.relations:
            found.append(columns.pair_relation(len(self.pair.relations)))
        if self.segment.streams:
            found.append(columns.STREAM)
        if self.segment.streams > 1:
            found.append(columns.REVERSED)
        if self.needs_words:
            found.append(columns.WORD_STARTS)
        for name in self.annotations:
            found.extend(columns.annotation_columns(name))
        for corruption in self.corrupt:
            found.extend(corruption.columns(id_type))
        if self.denoise is not None:
            found.extend(self.denoise.columns(id_type))
        if self.objective_column:
            found.append(columns.OBJECTIVE)
        return tuple(found)

    def schema(self, vocabulary: Vocabulary) -> pa.Schema:
        """Returns the Arrow schema of its shards."""
        return columns.schema_of(self.columns(vocabulary.id_type))


def _fit(segment: Segment, pair: Pair) -> bool:
    """Returns whether a pairing takes the windows of a segment."""
    return segment.for_pairs == bool(pair.relations) and segment.of_streams == pair.of_streams


def _parts_of(value: object) -> Iterator[Part]:
    """Yields the parts that a dataclass, or a tuple of them, is made of."""
    if isinstance(value, Part):
        yield value
    if isinstance(value, tuple):
        for each in value:
            yield from _parts_of(each)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _parts_of(getattr(value, field.name))
