"""What a manifest and a summary say of counts of pairs."""

from collections.abc import Sequence
from typing import Any

from schemas.co_occurrences import PAIRS, PairsEntry, PairsRecord
from schemas.errors import RunError
from schemas.manifest_parts import json_of
from schemas.wording import counted
from transforms.counting.pair_counter import PairCounter
from transforms.files.storage import join


def pairs_records(counters: Sequence[PairCounter]) -> dict[str, Any]:
    """Returns what the manifest of a build says of its pairs, as JSON; {} if they are not counted.

    Args:
      counters: One, if they are; its shards are finished.

    Raises:
      RunError: if a shard is missing.
    """
    return {PAIRS: json_of(_record(counters[0]))} if counters else {}


def _record(counter: PairCounter) -> PairsRecord:
    found: list[PairsEntry] = []
    for path, entry in zip(counter.files, counter.entries(hashed=False), strict=True):
        if entry is None:
            missing = join(counter.output, path)
            raise RunError(f"{missing} is missing; run the same command again")
        found.append(entry)
    return PairsRecord(
        window=counter.rule.window,
        symmetric=counter.rule.symmetric,
        records=sum(entry.records for entry in found),
        shards=found,
    )


def pairs_line(record: PairsRecord) -> str:
    """Returns what a summary says of pairs."""
    side = "on both sides" if record.symmetric else "on the left"
    return (
        f"{counted(record.records, 'pair')} of words at most {record.window} apart, contexts "
        f"{side}, in {counted(len(record.shards), 'shard')}"
    )
