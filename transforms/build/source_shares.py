"""Judges how many documents of sources are left out, and repeated once more, as weights say.

What is drawn for a document follows from its key, so equal documents of a source are one draw, and
are counted once, where they meet: in the shard. Nothing else decides what is counted here: whether
another source has the document, and which of them it counts for, does not.
"""

from collections.abc import Mapping, Sequence

from schemas.manifest import add_up
from schemas.manifest_parts import ShardEntry, json_of
from transforms.contract.oracle import Oracle, exactly, percent, rate
from transforms.records.source_weights import UNIT


def source_oracles(
    weights: Mapping[str, float], split: str, entries: Sequence[ShardEntry]
) -> list[Oracle]:
    """Returns what is judged of the sources of a split.

    Args:
      weights: Of the sources, by name.
      split: Its name. No document is repeated in "eval".
      entries: Of its shards.
    """
    found = []
    for name, weight in weights.items():
        counts = add_up(json_of(each.sources[name]) for each in entries if name in each.sources)
        wanted, again, unwanted = (
            counts.get(count, 0) for count in ("wanted", "wanted_again", "unwanted")
        )
        whole, rest = divmod(round(weight * UNIT), UNIT)
        if not whole:
            judged = rate(
                f"documents of {name} are kept at the rate", wanted, wanted + unwanted, rest / UNIT
            )
            why = f"each different document of it is kept with probability {percent(rest / UNIT)}"
            found.append(judged.explained(why))
        elif split == "train" and rest:
            judged = rate(
                f"documents of {name} are repeated once more at the rate",
                again - (whole - 1) * wanted,
                wanted,
                rest / UNIT,
            )
            why = (
                f"each different document of it is there {whole:,} times, and once more with "
                f"probability {percent(rest / UNIT)}"
            )
            found.append(judged.explained(why))
        elif split == "train" and whole > 1:
            name = f"documents of {name} are there {whole:,} times"
            found.append(exactly(name, wanted + again, whole * wanted))
    return found
