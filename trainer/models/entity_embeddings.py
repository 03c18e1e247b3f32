"""Reads embeddings of entities that were trained elsewhere."""

import io
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from schemas.errors import UsageError
from schemas.records import Array
from schemas.regular_files import open_regular

WIDTH = 100
"""Of embeddings of entities that are learned here. Source: thunlp/ERNIE (TransE)."""


def read_embeddings(path: str, ids: Sequence[str]) -> Array:
    """Returns float32[E, d]: the embeddings of entities, in the order of their ids.

    Args:
      path: A NumPy file (.npy) of them in this order; or text as word2vec writes it: an id and d
        numbers a line, in any order, with or without a first line that says how many of both.
      ids: Of the entities.

    Raises:
      UsageError: if it cannot be read, or lacks an entity.
    """
    try:
        found = _read(path, ids)
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"--entity-embeddings {path} cannot be read: {error}") from error
    if found.ndim != 2 or len(found) != len(ids) or not np.isfinite(found).all():
        raise UsageError(
            f"--entity-embeddings {path} must hold finite numbers of shape ({len(ids)}, d), a row "
            f"for each line of entities.txt; its shape is {found.shape}"
        )
    return np.ascontiguousarray(found, np.float32)


def _read(path: str, ids: Sequence[str]) -> Array:
    with open_regular(path) as file:
        if not path.endswith(".npy"):
            return _read_text(path, file, ids)
        found: Array = np.lib.format.read_array(file, allow_pickle=False)
    if found.dtype.kind not in "fiu":
        raise ValueError(f"it has values of type {found.dtype}, not numbers")
    return found


def _read_text(path: str, file: BinaryIO, ids: Sequence[str]) -> Array:
    """Returns the rows of those ids that are asked for."""
    wanted, rows = set(ids), {}
    for line in io.TextIOWrapper(file, "utf-8"):
        name, *numbers = line.split()
        if name in wanted:
            rows[name] = np.array(numbers, np.float32)
    if missing := [name for name in ids if name not in rows]:
        raise UsageError(
            f"--entity-embeddings {path} has no numbers for {len(missing):,} of {len(ids):,} "
            f"entities ({', '.join(missing[:3])}, ...); build with a list of those that it has"
        )
    widths = {len(row) for row in rows.values()}
    if len(widths) > 1:
        raise UsageError(
            f"--entity-embeddings {path}: lines have {min(widths)} to {max(widths)} numbers; every "
            "entity must have as many"
        )
    return np.stack([rows[name] for name in ids])
