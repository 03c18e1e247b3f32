"""Which fields a recipe can have, and which parts go together."""

import bisect

from schemas import columns
from schemas.wording import counted
from transforms.contract.attention import BIDIRECTIONAL, CONTEXTS, RECURRENT
from transforms.contract.modes import check_modes
from transforms.contract.packing import Pair, Segment
from transforms.objectives.corruption import MismatchError
from transforms.objectives.recipe_fields import RecipeFields

MAX_LENGTH = (1 << 16) - 1
"""Positions are stored as uint16."""
MAX_COPIES = 1000
"""A row holds the masks of all its copies, and the rows of a shard are held in memory together."""
MAX_MEMORY = 1 << 16
"""Tokens that a model may remember of the rows before."""
ORDERS = ("shuffled", "lanes")
MAX_PASSES = 1000
"""The rows of all passes over a shard are held in memory together."""


def check_recipe(recipe: RecipeFields) -> None:
    """Refuses fields that are out of bounds, and parts that do not go together.

    Raises:
      ValueError: saying what was given, and what is allowed.
    """
    _check_length(recipe)
    for name, most in {"copies": MAX_COPIES, "passes": MAX_PASSES}.items():
        if not 1 <= getattr(recipe, name) <= most:
            raise ValueError(f"{name} must be in [1, {most}], got {getattr(recipe, name)}")
    _check_segment(recipe)
    _check_words(recipe)
    _check_records(recipe)
    _check_order(recipe)
    for name in recipe.store:
        if name not in columns.STORABLE:
            known = ", ".join(columns.STORABLE)
            raise ValueError(f"store takes some of {known}, joined by commas; got {name!r}")
    if not recipe.stores_copies and recipe.copies != 1:
        raise ValueError(
            f"copies must be 1 for {recipe.name}, which stores no masks; got {recipe.copies}"
        )
    _check_corruptions(recipe)
    _check_modes(recipe)


def _check_length(recipe: RecipeFields) -> None:
    """Refuses rows without room for text, and such as are longer than positions can be."""
    least, given = recipe.layout.overhead(recipe.segments) + 2, recipe.max_seq_length
    if least <= given <= MAX_LENGTH and recipe.row_length_of(given) <= MAX_LENGTH:
        return
    most = bisect.bisect_right(range(MAX_LENGTH + 1), MAX_LENGTH, key=recipe.row_length_of) - 1
    what = "" if most == MAX_LENGTH else f", whose rows have at most {MAX_LENGTH} tokens"
    raise ValueError(
        f"max_seq_length must be in [{least}, {most}] for {recipe.name}{what}, got {given}"
    )


def _check_segment(recipe: RecipeFields) -> None:
    """Refuses windows that the pairing does not take, or that have no room for segments."""
    if bool(recipe.pair.relations) != recipe.segment.for_pairs:
        pairs = "with" if recipe.pair.relations else "without"
        raise MismatchError(
            f"{recipe.name}: {type(recipe.segment).__name__} does not go with "
            f"{type(recipe.pair).__name__}, which makes a recipe {pairs} pairs",
            "segment",
            lambda segment: _fit(segment, recipe.pair),
        )
    if recipe.pair.of_streams != recipe.segment.of_streams:
        streams = recipe.segment.of_streams
        raise MismatchError(
            f"{recipe.name}: {type(recipe.segment).__name__} makes "
            f"{'streams' if streams else 'windows of sentences'}, and "
            f"{type(recipe.pair).__name__} does not take them",
            "pair",
            lambda pair: _fit(recipe.segment, pair),
        )
    if recipe.pair.of_records != recipe.segment.of_records:
        raise MismatchError(
            f"{recipe.name}: {type(recipe.segment).__name__} makes "
            f"{'rows of records' if recipe.segment.of_records else 'windows of text'}, and "
            f"{type(recipe.pair).__name__} does not take them",
            "pair",
            lambda pair: _fit(recipe.segment, pair),
        )
    if recipe.capacity < 2:
        raise ValueError(
            f"max_seq_length of {recipe.max_seq_length} is too short for {recipe.name}: a row "
            f"would have {counted(recipe.capacity, 'token')} of text, and needs two"
        )
    reused = recipe.segment.reused(recipe.capacity)
    if reused + 2 > recipe.capacity:
        raise ValueError(
            f"reuse_len must be at most {recipe.capacity - 2} for {recipe.name} with a "
            f"max_seq_length of {recipe.max_seq_length}, which has {recipe.layout.overhead(2)} "
            f"special tokens and a token of each segment besides; got {reused}"
        )


def _check_records(recipe: RecipeFields) -> None:
    """Refuses labels of records where rows are made of other text, and the reverse."""
    of_labels = recipe.predict is not None and recipe.predict.of_labels
    if of_labels != recipe.segment.of_records:
        kinds = {True: "labelled records", False: "text without labels"}
        predicts = type(recipe.predict).__name__ if recipe.predict else "what is masked"
        raise MismatchError(
            f"{recipe.name}: {type(recipe.segment).__name__} makes rows of "
            f"{kinds[recipe.segment.of_records]}, and {predicts} is of {kinds[of_labels]}",
            "segment",
            lambda segment: segment.of_records == of_labels,
        )
    if recipe.labelled is not None and (
        recipe.labelled.kind not in recipe.segment.label_kinds
        or recipe.pair.segments not in recipe.segment.texts
    ):
        raise ValueError(
            f"{recipe.name}: {type(recipe.segment).__name__} does not go with "
            f"{type(recipe.pair).__name__} and {type(recipe.predict).__name__}"
        )
    for name in ("passes", "copies") if of_labels else ():
        if getattr(recipe, name) != 1:
            raise ValueError(
                f"{name} must be 1 for {recipe.name}, whose rows are always the same, got "
                f"{getattr(recipe, name)}; train for more epochs"
            )


def _check_words(recipe: RecipeFields) -> None:
    """Refuses a list of words where what is predicted is not of words, and the reverse."""
    of_words = recipe.predict is not None and recipe.predict.of_words
    if of_words != recipe.segment.of_words:
        kinds = {True: "whole words", False: "tokens"}
        predicts = type(recipe.predict).__name__ if recipe.predict else "what is masked"
        raise MismatchError(
            f"{recipe.name}: {type(recipe.segment).__name__} makes rows of "
            f"{kinds[recipe.segment.of_words]}, and {predicts} is of {kinds[of_words]}",
            "predict",
            lambda predict: predict.of_words == recipe.segment.of_words,
        )
    if recipe.attention == CONTEXTS and recipe.passes != 1:
        raise ValueError(
            f"passes must be 1 for {recipe.name}, whose rows are the same in every pass, got "
            f"{recipe.passes}; train for more epochs"
        )
    if recipe.attention == CONTEXTS and recipe.segment.streams:
        raise ValueError(
            f"{recipe.name}: {type(recipe.predict).__name__} is of lines, and "
            f"{type(recipe.segment).__name__} makes streams; take LineRows"
        )
    if recipe.attention == RECURRENT and recipe.segment.streams < 2:
        raise ValueError(
            f"{recipe.name}: {type(recipe.predict).__name__} is of a forward and a reversed "
            f"stream, and {type(recipe.segment).__name__} makes none; take SentenceStreams"
        )


def _check_order(recipe: RecipeFields) -> None:
    """Refuses an order or a memory that rows are not made for."""
    if recipe.order not in ORDERS:
        raise ValueError(f"order must be {' or '.join(ORDERS)}, got {recipe.order!r}")
    if recipe.order == "lanes" and not recipe.segment.streams:
        raise ValueError(
            f"order must be shuffled for {recipe.name}, whose rows are no streams, got "
            f"{recipe.order!r}"
        )
    if not 0 <= recipe.memory <= MAX_MEMORY:
        raise ValueError(f"memory must be in [0, {MAX_MEMORY}], got {recipe.memory}")
    if recipe.memory and recipe.order != "lanes":
        raise ValueError(
            f"memory must be 0 for {recipe.name}, whose rows are shuffled, got {recipe.memory}; or "
            "set order to lanes"
        )


def _check_corruptions(recipe: RecipeFields) -> None:
    if recipe.predict is not None and recipe.corrupt:
        raise ValueError(
            f"{recipe.name} corrupts its rows, so predict must be none: "
            f"{type(recipe.predict).__name__} is for rows that are not corrupted"
        )
    if recipe.denoise is not None and (
        recipe.corrupt or recipe.predict or recipe.labels or recipe.pair.relations
    ):
        raise ValueError(
            f"{recipe.name} has an encoder and a decoder, so corrupt, predict and labels must be "
            "none, and its rows have no pairs"
        )
    for corruption in recipe.corrupt[1:]:
        if not corruption.select.avoids_taken:
            raise ValueError(
                f"{type(corruption.select).__name__} does not leave alone what a corruption "
                f"before it selected, so it must be the first of {recipe.name}"
            )
    kinds = [corruption.targets.name for corruption in recipe.corrupt]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"two corruptions of {recipe.name} have the same name: {kinds}")
    if recipe.stored and len(recipe.stored) < len(recipe.corrupt):
        # Sampled in training, a corruption could not leave alone what is stored of another.
        fresh = [each.targets.name for each in recipe.corrupt if not each.targets.stored]
        raise ValueError(
            f"{recipe.name} stores what some corruptions select, and what {', '.join(fresh)} "
            "selects is sampled in training; let the targets of all be stored, or of none"
        )
    if recipe.corrupt and not recipe.corrupt[0].targets.can_be_first:
        raise ValueError(
            f"{type(recipe.corrupt[0].targets).__name__} cannot be the targets of the first "
            f"corruption of {recipe.name}"
        )
    _check_losses(recipe)


def _check_losses(recipe: RecipeFields) -> None:
    """Refuses losses with the same name."""
    names = [
        name
        for number, corruption in enumerate(recipe.corrupt)
        for name in corruption.targets.losses(first=number == 0)
    ]
    names += [labels.name for labels in recipe.labels]
    names += [] if recipe.pair.task is None else [recipe.pair.task.name]
    names += [] if recipe.predict is None else [recipe.predict.name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"two losses of {recipe.name} have the same name, {', '.join(twice)}; give the "
            "targets of one corruption another name"
        )


def _check_modes(recipe: RecipeFields) -> None:
    """Refuses modes of attention for rows that have an attention of their own."""
    check_modes(recipe.modes, recipe.segments)
    own = [part for part in (recipe.predict, *(each.targets for each in recipe.corrupt)) if part]
    other = [type(part).__name__ for part in own if part.attention != BIDIRECTIONAL]
    if recipe.modes and (other or not recipe.corrupt):
        what = f"{other[0]} has an attention of its own" if other else "nothing is masked"
        raise ValueError(f"modes of attention are for masked rows, and in {recipe.name} {what}")
    if recipe.modes and recipe.segment.dialogue:
        raise ValueError(
            f"modes of attention are for segments, and rows of {recipe.name} are dialogues; "
            f"leave modes out, or take another segment than {type(recipe.segment).__name__}"
        )
    if recipe.modes and recipe.layout.own_types:
        raise ValueError(
            f"layout.own_types must be empty for {recipe.name}, whose modes say all token types, "
            f"got {','.join(recipe.layout.own_types)}"
        )


def _fit(segment: Segment, pair: Pair) -> bool:
    """Returns whether a pairing takes the windows of a segment."""
    return (
        segment.for_pairs == bool(pair.relations)
        and segment.of_streams == pair.of_streams
        and segment.of_records == pair.of_records
    )
