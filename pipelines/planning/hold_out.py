"""How many documents of a small corpus are held out: as many as a recipe needs, or none."""

import dataclasses
import itertools
from collections.abc import Collection, Sequence

import numpy as np

from pipelines.planning.options import BuildOptions
from schemas.documents import document_batch
from transforms.files.inputs import FileRange
from transforms.files.storage import open_file
from transforms.objectives.recipe import Recipe
from transforms.read.formats import read_range
from transforms.records.shard_text import ShardPlan

DEFAULT_FRACTION = 0.005
MOST_BYTES = 256 << 20
"""Documents of a corpus up to this size are counted, until as many as are needed were held out."""
_MOST_HELD_OUT = 0.1


def hold_out(
    plan: ShardPlan,
    recipes: Sequence[Recipe],
    ranges: Sequence[FileRange],
    text_bytes: int,
    options: BuildOptions,
) -> tuple[ShardPlan, str]:
    """Adapts the default evaluation share to a small corpus.

    The share is a probability, so of few documents it may hold out none, or one where pairs need
    two. Then the documents with the lowest keys are held out, as many as are needed, which depends
    on nothing but the content. If that were more than a tenth of them, none is held out.

    Args:
      plan: Of the default share.
      recipes: That are built.
      ranges: How the input is read.
      text_bytes: Its estimated size.
      options: What the user asked for; a share that was given is kept as it is.

    Returns:
      The plan, and what the user should know of it, "" if nothing.
    """
    if options.eval_fraction is not None or plan.eval != 1 or text_bytes > MOST_BYTES:
        return plan, ""
    needed = 2 if any(recipe.pair.needs_others for recipe in recipes) else 1
    keys = _upper_halves(ranges, options, plan.eval_below, needed)
    if keys is None or not len(keys):
        return plan, ""
    share = f"the share of {DEFAULT_FRACTION:.1%} that is held out for evaluation by default"
    if not _are_many(len(keys), needed):
        none = dataclasses.replace(plan, eval=0, eval_below=0)
        return none, (
            f"nothing is held out for evaluation: of {len(keys)} document(s) {share} is too "
            "little; ask for more with --eval-fraction"
        )
    below = int(keys[needed - 1]) + 1
    return dataclasses.replace(plan, eval_below=below), (
        f"{needed} document(s) of {len(keys)} are held out for evaluation, more than {share}; "
        "ask for another with --eval-fraction"
    )


def _are_many(documents: int, needed: int) -> bool:
    """Whether so many documents can do without those that are needed to be held out."""
    return needed <= _MOST_HELD_OUT * documents


def _upper_halves(
    ranges: Sequence[FileRange], options: BuildOptions, below: int, enough: int
) -> np.ndarray | None:
    """Returns uint64[D], ascending: the upper halves of all documents' keys, equal keys once.

    None if enough of many are below a bound, or a file cannot be read: the build reports why.
    """
    keys: set[bytes] = set()
    held_out: set[bytes] = set()
    try:
        for part in ranges:
            with open_file(part.path) as file:
                for batch in read_range(
                    file,
                    part,
                    options.text_field,
                    options.max_document_mib << 20,
                    options.anchors or "",
                ):
                    found = document_batch(batch.texts, batch.labels).column("key").to_pylist()
                    keys.update(found)
                    held_out.update(itertools.compress(found, _halves(found) < np.uint64(below)))
                    if len(held_out) >= enough and _are_many(len(keys), enough):
                        return None
    except OSError:
        return None
    return np.sort(_halves(keys))


def _halves(keys: Collection[bytes]) -> np.ndarray:
    """Returns uint64[K]: the upper half of each key."""
    return np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)[:, 1]
