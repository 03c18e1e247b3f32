"""What is said of labelled records besides their rows."""

from schemas.manifest import add_up
from schemas.manifest_parts import Split
from schemas.wording import counted

CUT, SEVERAL = "records.cut", "records.split"
_NAMES = {CUT: "cut to fit a row", SEVERAL: "in several rows"}


def record_facts(split: Split) -> dict[str, int] | None:
    """Returns counts of records by what they are of; None where rows are not of records."""
    drawn = add_up(shard.drawn for shard in split.shards)
    if CUT not in drawn:
        return None
    records = sum(shard.documents for shard in split.shards)
    return {"records": records, **{_NAMES[name]: drawn[name] for name in _NAMES if name in drawn}}


def cut_line(split: Split) -> str:
    """Returns how many records of a split were cut, for its summary; "" if none was."""
    facts = record_facts(split) or {}
    found = ((name, facts.get(name, 0)) for name in _NAMES.values())
    return "".join(f", {counted(count, 'record')} {name}" for name, count in found if count)
