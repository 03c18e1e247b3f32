"""How many documents of a small corpus are held out: as many as a recipe needs, or none."""

import collections
import dataclasses
import itertools
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow.compute as pc

from pipelines.planning.filters import Filtering
from pipelines.planning.options import BuildOptions
from pipelines.planning.sources import Sources
from schemas.documents import KEY_BYTES, document_batch
from schemas.records import Int64
from schemas.wording import counted
from transforms.files.inputs import FileRange
from transforms.files.storage import open_file
from transforms.filters.document_filter import DocumentFilter
from transforms.filters.filtered_reader import pass_filters
from transforms.objectives.recipe import Recipe
from transforms.read.formats import read_range
from transforms.records.shard_text import ShardPlan
from transforms.records.source_weights import SourceWeights

DEFAULT_FRACTION = 0.005
MOST_BYTES = 256 << 20
"""Documents of a corpus up to this size are counted, until as many as are needed were held out."""
_MOST_HELD_OUT = 0.1
_BYTES_OF_TOKEN = 8
"""More than tokens have on average, so that the text of a row is enough for one."""


def default_fraction(recipes: Sequence[Recipe]) -> float:
    """Returns the share that is held out by default: nothing where nothing is evaluated."""
    return DEFAULT_FRACTION if any(recipe.evaluated for recipe in recipes) else 0.0


@dataclasses.dataclass(frozen=True)
class Needed:
    """What has to be held out so that there are rows for evaluation.

    Attributes:
      documents: At least so many.
      text_bytes: With so much text at least, together.
    """

    documents: int
    text_bytes: int

    def count(self, sizes: Int64) -> int:
        """Returns how many of the first documents are needed, by the bytes of each."""
        enough = int(np.searchsorted(np.cumsum(sizes), self.text_bytes)) + 1
        return max(self.documents, enough if self.text_bytes else 1)


def needed_by(recipes: Sequence[Recipe]) -> Needed:
    """Returns what the recipes need: two documents for pairs, and the text of a row for streams."""
    pairs = any(recipe.pair.needs_others for recipe in recipes)
    rows = [recipe.rules.max_seq_length for recipe in recipes if recipe.segment.of_streams]
    return Needed(2 if pairs else 1, _BYTES_OF_TOKEN * max(rows, default=0))


def hold_out(
    plan: ShardPlan,
    recipes: Sequence[Recipe],
    ranges: Sequence[FileRange],
    text_bytes: int,
    options: BuildOptions,
    sources: Sources | None = None,
    filtering: Filtering | None = None,
) -> tuple[ShardPlan, str]:
    """Adapts the default evaluation share to a small corpus.

    The share is a probability, so of few documents it may hold out none, or one where pairs need
    two, or too little text for a row of a stream. Then the documents with the lowest keys are held
    out, as many as are needed, which depends on nothing but the content. If that were more than a
    tenth of them, none is held out.

    Args:
      plan: Of the default share.
      recipes: That are built.
      ranges: How the input is read.
      text_bytes: Its estimated size.
      options: What the user asked for; a share that was given is kept as it is.
      sources: Whose weights leave documents out; none of these is held out.
      filtering: Whose filters drop documents; none of these is held out either, unless it is a
        near-duplicate: these are known only when all documents have been read.

    Returns:
      The plan, and what the user should know of it, "" if nothing.
    """
    if options.eval_fraction is not None or plan.eval != 1 or text_bytes > MOST_BYTES:
        return plan, ""
    needed = needed_by(recipes)
    filters = filtering.filters if filtering else ()
    found = _documents(ranges, options, plan.eval_below, needed, sources, filters)
    if found is None or not len(found[0]):
        return plan, ""
    keys, sizes = found
    count = needed.count(sizes)
    near = "; near-duplicates are among them" if filtering and filtering.near else ""
    share = f"the share of {DEFAULT_FRACTION:.1%} that is held out by default"
    if not _are_many(len(keys), count):
        none = dataclasses.replace(plan, eval=0, eval_below=0)
        return none, (
            f"nothing is held out for evaluation: of {counted(len(keys), 'document')} {share} is "
            f"too little; ask for more with --eval-fraction{near}"
        )
    below = int(keys[count - 1]) + 1
    return dataclasses.replace(plan, eval_below=below), (
        f"{counted(count, 'document')} of {len(keys):,} {'is' if count == 1 else 'are'} held out "
        f"for evaluation, more than {share}; "
        f"ask for another with --eval-fraction{near}"
    )


def _are_many(documents: int, needed: int) -> bool:
    """Whether so many documents can do without those that are needed to be held out."""
    return needed <= _MOST_HELD_OUT * documents


def _documents(
    ranges: Sequence[FileRange],
    options: BuildOptions,
    below: int,
    needed: Needed,
    sources: Sources | None,
    filters: Sequence[DocumentFilter],
) -> tuple[np.ndarray, Int64] | None:
    """Returns uint64[D], ascending: the upper halves of documents' keys, and their bytes.

    They are of the documents that filters and weights keep. Equal documents count once. None if
    enough of many are below a bound, or a file cannot be read: the build reports why.
    """
    sizes: dict[bytes, int] = {}
    held_out: dict[bytes, int] = {}
    weights = None if sources is None else sources.sampling()
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
                    documents = document_batch(batch.texts, batch.labels)
                    documents = pass_filters(documents, filters, collections.Counter())
                    found = documents.column("key").to_pylist()
                    lengths = pc.binary_length(documents.column("text")).to_pylist()
                    new = dict(zip(found, lengths, strict=True))
                    if weights is not None:
                        found = _sampled(found, part.source, weights)
                        new = {key: new[key] for key in found}
                    sizes.update(new)
                    chosen = _halves(found) < np.uint64(below)
                    held_out.update({key: new[key] for key in itertools.compress(found, chosen)})
                    enough = needed.count(np.array([*held_out.values()], np.int64))
                    if len(held_out) >= enough and _are_many(len(sizes), enough):
                        return None
    except OSError:
        return None
    halves = _halves(sizes)
    order = np.argsort(halves, kind="stable")
    return halves[order], np.array([*sizes.values()], np.int64)[order]


def _sampled(keys: Sequence[bytes], source: int, weights: SourceWeights) -> list[bytes]:
    """Returns the keys of the documents of a source that its weight does not leave out."""
    columns = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
    copies = weights.copies(columns, np.full(len(keys), source, np.uint16))
    return [*itertools.compress(keys, copies.tolist())]


def _halves(keys: Collection[bytes]) -> np.ndarray:
    """Returns uint64[K]: the upper half of each key."""
    return np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)[:, 1]
