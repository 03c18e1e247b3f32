"""What a report says of rows that are made of streams of documents."""

import dataclasses
from collections.abc import Mapping

from schemas.manifest import add_up
from schemas.manifest_parts import Split
from transforms.objectives.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class StreamFacts:
    """Counts of a split.

    Attributes:
      documents: Without duplicates.
      documents_per_row: On the average.
      tokens: Of the documents, their end-of-document tokens included, once for each stream.
      lost: Of these, those at the ends of streams that are in no row.
      lost_share: Of all, in [0, 1].
      tokens_per_byte: Of text.
      predicted: Tokens that are predicted, in all copies.
      predicted_per_row: In one copy.
      half_orders: Share of halves whose first target comes before the last one in the order of
        prediction; None if there is no such order.
      halves: How many halves that is a share of.
      sentences: Once for each stream; None where streams are of documents.
      unknown_share: Of the tokens of sentences, the unknown words; None likewise.
    """

    documents: int
    documents_per_row: float
    tokens: int
    lost: int
    lost_share: float
    tokens_per_byte: float
    predicted: int
    predicted_per_row: float
    half_orders: float | None
    halves: int
    sentences: int | None = None
    unknown_share: float | None = None


def stream_facts(split: Split, statistics: Mapping[str, int], recipe: Recipe) -> StreamFacts | None:
    """Returns the facts of a split with rows; None where streams of documents are not counted."""
    drawn = add_up(shard.drawn for shard in split.shards)
    if not split.rows or "stream.tokens" not in drawn:
        return None
    # Statistics have these names, whatever the loss is called.
    predicted = statistics.get("lm.predictions", 0) + statistics.get("plm.targets", 0)
    halves = statistics.get("plm.pairs", 0)
    before = statistics.get("plm.first_before_last", 0)
    documents = sum(shard.documents for shard in split.shards)
    tokens, lost = drawn["stream.tokens"], drawn.get("stream.lost", 0)
    return StreamFacts(
        documents=documents,
        documents_per_row=documents * recipe.passes * max(recipe.segment.streams, 1) / split.rows,
        tokens=tokens,
        lost=lost,
        lost_share=lost / max(tokens, 1),
        tokens_per_byte=tokens / max(drawn.get("stream.bytes", 0), 1),
        predicted=predicted,
        predicted_per_row=predicted / (split.rows * recipe.copies),
        half_orders=before / halves if halves else None,
        halves=halves,
        sentences=drawn.get("stream.sentences"),
        unknown_share=drawn["stream.unknown"] / max(tokens, 1)
        if "stream.unknown" in drawn
        else None,
    )
