"""A recipe: the frozen value that says how one objective's examples are built."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import pyarrow as pa

from schemas import columns
from schemas.columns import Column
from schemas.vocabulary import Vocabulary
from transforms.contract.attention import CONTEXTS, PADDED
from transforms.contract.pair_rule import PairRule
from transforms.contract.rules import RowRules
from transforms.objectives.recipe_checks import check_recipe
from transforms.objectives.recipe_fields import RecipeFields
from transforms.text.openings import opening_name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(RecipeFields):
    """How to build the examples of one objective, see `RecipeFields` for what it is made of."""

    def __post_init__(self) -> None:
        check_recipe(self)
        names = [column.name for column in self.columns("uint16")]
        if len(set(names)) < len(names):
            raise ValueError(f"two parts of {self.name} store the same column: {', '.join(names)}")

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
            values=tuple(each.name for each in self.labelled.columns()) if self.labelled else (),
            source_stored=self.stores_source,
        )

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
    def stores_source(self) -> bool:
        """Whether every row says which source it is from."""
        return columns.SOURCE in self.store

    @property
    def segments_words(self) -> bool:
        """Whether a segmenter finds the words of Chinese text."""
        return self.needs_words or self.of_words

    @property
    def pair_rule(self) -> PairRule | None:
        """How words are counted that stand near each other in the whole corpus, if they are."""
        return next(filter(None, (part.pair_rule for part in self.parts)), None)

    @property
    def evaluated(self) -> bool:
        """Whether training evaluates a model on what is held out."""
        return self.attention != CONTEXTS

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
        if self.labelled is not None:
            found.extend(self.labelled.columns())
        rows = {columns.SOURCE_OF_ROW: self.stores_source, columns.OBJECTIVE: self.objective_column}
        return (*found, *(column for column, stored in rows.items() if stored))

    def schema(self, vocabulary: Vocabulary) -> pa.Schema:
        """Returns the Arrow schema of its shards."""
        return columns.schema_of(self.columns(vocabulary.id_type))
