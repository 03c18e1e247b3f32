"""The files of rejected records: rejected/part-NN-of-16.jsonl."""

import dataclasses
import json
import zlib
from collections.abc import Iterable

from schemas.addresses import without_secrets
from schemas.documents import Rejected
from schemas.manifest import add_up
from transforms.files.atomic_files import make_folder
from transforms.files.storage import join
from transforms.files.work_folder import write_noted

PARTS = 16


def rejected_name(part: int) -> str:
    """Returns the path in the output folder of a file of rejected records."""
    return f"rejected/part-{part:02d}-of-{PARTS:02d}.jsonl"


def write_rejected(
    output: str, part: int, records: Iterable[Rejected], owner: str = ""
) -> dict[str, int]:
    """Writes rejected records as JSON lines, in order; returns {"rejected.REASON": count}."""
    ordered = sorted(records, key=lambda record: (record.source, record.offset, record.reason))
    stored = [
        {**dataclasses.asdict(record), "source": without_secrets(record.source)}
        for record in ordered
    ]
    lines = [json.dumps(each, ensure_ascii=False) for each in stored]
    make_folder(join(output, "rejected"))
    write_noted(output, rejected_name(part), "".join(f"{x}\n" for x in lines).encode(), owner)
    return add_up({f"rejected.{record.reason}": 1} for record in ordered)


def with_part(record: Rejected) -> tuple[int, Rejected]:
    """Returns a record after the number of its file, which depends on its source alone."""
    source = without_secrets(record.source)
    return zlib.crc32(source.encode("utf-8", "surrogatepass")) % PARTS, record
