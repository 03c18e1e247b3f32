"""What a report says of rows that are made of streams of documents."""

import dataclasses
from collections.abc import Mapping

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


def stream_facts(split: Split, statistics: Mapping[str, int], recipe: Recipe) -> StreamFacts | None:
    """Returns the facts of a split with rows; None where rows are no documents side by side."""
    if not recipe.segment.of_streams or not split.rows:
        return None
    drawn: dict[str, int] = {}
    for shard in split.shards:
        for name, count in shard.drawn.items():
            drawn[name] = drawn.get(name, 0) + count
    named = [*([recipe.predict.name] if recipe.predict is not None else [])]
    predicted = sum(statistics.get(f"{name}.predictions", 0) for name in named)
    permuted = [each.targets.name for each in recipe.stored if not each.targets.holds_ids]
    predicted += sum(statistics.get(f"{name}.targets", 0) for name in permuted)
    halves = sum(statistics.get(f"{name}.pairs", 0) for name in permuted)
    before = sum(statistics.get(f"{name}.first_before_last", 0) for name in permuted)
    documents = sum(shard.documents for shard in split.shards)
    tokens, lost = drawn.get("stream.tokens", 0), drawn.get("stream.lost", 0)
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
    )
