"""What charts of statistics are called, and their axes."""

import dataclasses
from collections.abc import Mapping, Sequence

LABELS = "label"
"""The group of classes, whose names may end in a number."""
PARTITIONS: Mapping[str, tuple[str, Sequence[str]]] = {
    "mask": ("What the model sees at selected tokens", ("masked", "random", "kept")),
    "pair": ("How segment B relates to A", ()),
    LABELS: ("Labels", ()),
}
"""Groups whose counts are shares of a whole: title, and names; no names are all of the group."""


@dataclasses.dataclass(frozen=True)
class Axes:
    """What a histogram shows.

    Attributes:
      title: Of the chart.
      across: What the numbers below the bars are.
      counted: What the heights are percent of.
    """

    title: str
    across: str
    counted: str


_EIGHTH = "eighth of the row, from its start"
_SIXTEENTH = "sixteenth of the vocabulary, by id"
_OR_MORE = "tokens of a unit (last bar: or more)"
_TITLES: Mapping[str, Axes] = {
    "length.eighth": Axes("Row length", "tokens of a row", "the rows"),
    "select.eighth": Axes("Where selected units stand", _EIGHTH, "the selected units, sampled"),
    "select.words_of": Axes("Word length", "tokens of a word", "the words, sampled"),
    "select.selected_words_of": Axes(
        "Length of selected words", "tokens of a word", "the selected words, sampled"
    ),
    "unit.of": Axes("Unit length", _OR_MORE, "the units"),
    "unit.selected_of": Axes("Length of selected units", _OR_MORE, "the selected units"),
    **{
        f"{stage}.{prefix}of": Axes(f"Stage {stage}: {title}", _OR_MORE, f"the {what}")
        for stage in ("basic", "phrase", "entity")
        for prefix, title, what in (
            ("", "unit length", "units"),
            ("selected_", "length of selected units", "selected units"),
        )
    },
    "mask.random_ids": Axes("Random replacement tokens", _SIXTEENTH, "the random tokens"),
    "mask.replaced_ids": Axes("Replaced tokens", _SIXTEENTH, "the replaced tokens"),
    "mask.expected_ids_millionths": Axes(
        "Expected random replacement tokens", _SIXTEENTH, "the random tokens"
    ),
    "denoise.prefix_eighth": Axes("Where prefixes end", _EIGHTH, "the full rows"),
    "fragments.eighth": Axes(
        "Where fragments begin", "eighth of a block, from its start", "the fragments of full blocks"
    ),
    "run.eighth": Axes("Where runs begin", _EIGHTH, "the runs of long rows"),
    "run.of": Axes("Length of runs", "words of a run", "the runs"),
    "shuffle.order": Axes(
        "Orders of shuffled trigrams", "number of the order", "the trigrams of different tokens"
    ),
    "number.rounded": Axes("Labels, rounded", "label", "the records"),
    "right.at": Axes(
        "Place of the right candidate", "place, from 0 (19: this or more)", "the records"
    ),
}


def axes_of(stem: str) -> Axes:
    """Returns what a series of counts is called; one that is not known, by its name."""
    if stem in _TITLES:
        return _TITLES[stem]
    group, _, name = stem.rpartition(".")
    title = f"{group}: {name}".removeprefix(": ").replace("_", " ")
    return Axes(title, "number", "all")
