"""Batches written out slowly, one row and one token after the other, as plain lists."""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from schemas.records import Array
from trainer.rows.layouts import Limits, Packed, Padded
from trainer.tasks.masked import MaskedTask
from trainer.tasks.task import Task
from transforms.contract.packing import Pair
from transforms.objectives.recipe import Recipe
from transforms.pairs.dialogue_reality import DialogueReality

Row = Mapping[str, Any]
"""A row of a shard, as pyarrow makes plain Python of it."""


@dataclasses.dataclass(frozen=True)
class Masks:
    """What is to be predicted in a row: positions, and the ids seen there.

    Attributes:
      positions: Of the first corruption.
      seen: What stands there.
      more: The same of the others, by name.
    """

    positions: list[int]
    seen: list[int]
    more: Mapping[str, "Masks"] = dataclasses.field(default_factory=dict)


def names_of(recipe: Recipe) -> list[str]:
    """Returns what the corruptions of a recipe are called."""
    return [corruption.targets.name for corruption in recipe.corrupt]


def stored_masks(row: Row, copy: int, names: Sequence[str]) -> Masks:
    """Returns a copy's masks; `names` are those of the corruptions, the first one first."""
    first, *others = (
        Masks(row[f"{name}_positions"][copy], row[f"{name}_input_ids"][copy]) for name in names
    )
    return dataclasses.replace(first, more=dict(zip(names[1:], others, strict=True)))


def order_of(count: int, raw: Sequence[int]) -> list[int]:
    """Returns rows sorted by random numbers, without the low bits that are needed to count them."""
    bits = max(count - 1, 1).bit_length()
    return sorted(range(count), key=lambda row: (raw[row] >> bits, row))


def fill(
    order: Sequence[int],
    tokens: Sequence[int],
    targets: Sequence[int],
    limits: Limits,
    aligned: Sequence[int] = (),
) -> list[list[int]]:
    """Returns the rows of each batch, in the order in which they are taken."""
    batches: list[list[int]] = []
    for row in order:
        if batches:
            together = [*batches[-1], row]
            fits = len(together) <= limits.rows
            fits = fits and sum(tokens[each] for each in together) <= limits.tokens
            fits = fits and sum(targets[each] for each in together) <= limits.targets
            if limits.aligned is not None:
                fits = fits and sum(aligned[each] for each in together) <= limits.aligned
            if fits:
                batches[-1] = together
                continue
        batches.append([row])
    return batches


def types_of(row: Row, pair: Pair) -> list[int]:
    """Returns the token types of a row: its segments, or the speakers of a dialogue."""
    ids = row["input_ids"]
    if isinstance(pair, DialogueReality):
        # Every turn ends with a separator, the last one too.
        return [ids[:place].count(ids[-1]) % 2 for place in range(len(ids))]
    return [int(place >= row["second_segment_start"]) for place in range(len(ids))]


def seen_tokens(row: Row, masks: Masks) -> list[int]:
    tokens = list(row["input_ids"])
    for each in (masks, *masks.more.values()):
        for position, seen in zip(each.positions, each.seen, strict=True):
            tokens[position] = seen
    return tokens


def packed(
    layout: Packed,
    numbers: Sequence[int],
    rows: Sequence[Row],
    masks: Sequence[Masks],
    pair: Pair,
    others: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns what `Packed.tensors` should hold, as lists; `others` are those of `other_names`."""
    ids: list[int] = []
    places: list[int] = []
    types: list[int] = []
    borders = [0]
    targets: list[int] = []
    labels: list[int] = []
    for row, mask in zip(rows, masks, strict=True):
        targets.extend(len(ids) + position for position in mask.positions)
        labels.extend(row["input_ids"][position] for position in mask.positions)
        ids.extend(seen_tokens(row, mask))
        length = len(row["input_ids"])
        places.extend(range(length))
        types.extend(types_of(row, pair))
        borders.append(len(ids))
    total = len(ids)
    while len(ids) < layout.tokens:
        length = min(layout.longest, layout.tokens - len(ids))
        ids.extend([layout.pad] * length)
        places.extend(range(length))
        types.extend([0] * length)
        borders.append(len(ids))
    found = {
        "input_ids": [ids],
        "position_ids": [places],
        "token_type_ids": [types],
        "cu_seqlens": _fill_up(borders, layout.sequences + 1, layout.tokens),
        "target_positions": _fill_up(targets, layout.targets, 0),
        "labels": _fill_up(labels, layout.targets, -100),
        "row_ids": _fill_up(numbers, layout.sequences, -1),
        "num_tokens": total,
    }
    for name in others:
        places, labels = [], []
        for begin, row, mask in zip(borders, rows, masks, strict=False):
            places.extend(begin + position for position in mask.more[name].positions)
            labels.extend(row["input_ids"][position] for position in mask.more[name].positions)
        size = layout.capacities[name]
        assert len(places) <= size
        found[f"{name}_positions"] = _fill_up(places, size, 0)
        found[f"{name}_labels"] = _fill_up(labels, size, -100)
    return _with_pairs(found, rows, pair, layout.sequences)


def padded(
    layout: Padded,
    numbers: Sequence[int],
    rows: Sequence[Row],
    masks: Sequence[Masks],
    pair: Pair,
    others: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns what `Padded.tensors` should hold, as lists; `others` are those of `other_names`."""
    width = layout.longest
    found: dict[str, Any] = {
        "input_ids": [],
        "attention_mask": [],
        "token_type_ids": [],
        "labels": [],
        "row_ids": _fill_up(numbers, layout.rows, -1),
        "num_tokens": sum(len(row["input_ids"]) for row in rows),
    }
    for row, mask in zip(rows, masks, strict=True):
        length = len(row["input_ids"])
        types = types_of(row, pair)
        found["input_ids"].append(_fill_up(seen_tokens(row, mask), width, layout.pad))
        found["attention_mask"].append(_fill_up([1] * length, width, 0))
        found["token_type_ids"].append(_fill_up(types, width, 0))
        found["labels"].append(_labels(row, mask, width))
    for _ in range(layout.rows - len(rows)):
        found["input_ids"].append([layout.pad] * width)
        found["attention_mask"].append(_fill_up([1], width, 0))
        found["token_type_ids"].append([0] * width)
        found["labels"].append([-100] * width)
    for name in others:
        lines = [
            _labels(row, mask.more[name], width) for row, mask in zip(rows, masks, strict=True)
        ]
        empty = [[-100] * width] * (layout.rows - len(rows))
        found[f"{name}_labels"] = [*lines, *empty]
    return _with_pairs(found, rows, pair, layout.rows)


def _labels(row: Row, masks: Masks, width: int) -> list[int]:
    """Returns a line of labels: the original ids where something is to be predicted."""
    labels = [-100] * width
    for position in masks.positions:
        labels[position] = row["input_ids"][position]
    return labels


def other_names(tasks: Sequence[Task]) -> list[str]:
    """Returns the names of the corruptions after the first whose tokens are to be predicted."""
    masked = [task for task in tasks if isinstance(task, MaskedTask)]
    return [task.name for task in masked if not task.first]


def masks_in(batch: Mapping[str, Any], rows: Sequence[Row], names: Sequence[str]) -> list[Masks]:
    """Reads from a batch, given as lists, what is to be predicted in each of its rows.

    What a second corruption did is where else a row is not what is stored, unless the batch tells.
    """
    if "cu_seqlens" in batch:
        begins = batch["cu_seqlens"]
        flat = batch["input_ids"][0]
        count = sum(label != -100 for label in batch["labels"])
        wanted = batch["target_positions"][:count]
    else:
        width = len(batch["input_ids"][0])
        begins = [number * width for number in range(len(rows))]
        flat = [token for line in batch["input_ids"] for token in line]
        labels = [label for line in batch["labels"] for label in line]
        wanted = [at for at, label in enumerate(labels) if label != -100]
    at = _by_row(wanted, begins, rows)
    told = {name: _told(batch, name, begins, rows) for name in names[1:]}
    found = []
    for number, row in enumerate(rows):
        begin, more = begins[number], {}
        for name, places in told.items():
            if places is None:
                masked, tokens = set(at[number]), row["input_ids"]
                here = range(begin, begin + len(tokens))
                changed = [place for place in here if flat[place] != tokens[place - begin]]
                shown = [place for place in changed if place not in masked]
            else:
                shown = places[number]
            more[name] = _masks(begin, shown, flat)
        found.append(dataclasses.replace(_masks(begin, at[number], flat), more=more))
    return found


def _by_row(places: Sequence[int], begins: Sequence[int], rows: Sequence[Row]) -> list[list[int]]:
    """Returns the places in each row."""
    found: list[list[int]] = [[] for _ in rows]
    for place in places:
        number = bisect.bisect_right(begins, place, hi=len(rows)) - 1
        assert begins[number] <= place < begins[number] + len(rows[number]["input_ids"])
        found[number].append(place)
    return found


def _masks(begin: int, places: Sequence[int], flat: Sequence[int]) -> Masks:
    return Masks([place - begin for place in places], [flat[place] for place in places])


def _told(
    batch: Mapping[str, Any], name: str, begins: Sequence[int], rows: Sequence[Row]
) -> list[list[int]] | None:
    """Returns the places that a batch names for another corruption, if it names any."""
    if f"{name}_labels" not in batch:
        return None
    labels = batch[f"{name}_labels"]
    if f"{name}_positions" in batch:
        wanted = batch[f"{name}_positions"][: sum(label != -100 for label in labels)]
    else:
        flat = [label for line in labels for label in line]
        wanted = [at for at, label in enumerate(flat) if label != -100]
    return _by_row(wanted, begins, rows)


def plain(batch: Mapping[str, Tensor]) -> dict[str, Any]:
    """Returns tensors as lists."""
    return {name: tensor.tolist() for name, tensor in batch.items()}


def row_numbers(batch: Mapping[str, Tensor]) -> list[int]:
    """Returns which rows a batch holds."""
    ids: Array = batch["row_ids"].numpy()
    found: list[int] = ids[ids >= 0].tolist()
    return found


def _fill_up(values: Sequence[int], size: int, filler: int) -> list[int]:
    return [*values, *[filler] * (size - len(values))]


def _with_pairs(
    found: dict[str, Any], rows: Sequence[Row], pair: Pair, size: int
) -> dict[str, Any]:
    if pair.task is not None:
        labels = [pair.labels.get(row["pair_relation"], -100) for row in rows]
        found[pair.task.label] = _fill_up(labels, size, -100)
    return found
