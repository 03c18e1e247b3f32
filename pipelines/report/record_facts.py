"""What is said of labelled records besides their rows."""

from collections.abc import Mapping

from schemas.manifest import Manifest, add_up
from schemas.manifest_parts import Split
from schemas.wording import counted

CUT, SEVERAL, UNANSWERED = "records.cut", "records.split", "records.unanswered"
_NAMES = {CUT: "cut to fit a row", SEVERAL: "in several rows", UNANSWERED: "without an answer"}
_MANY_UNKNOWN = 0.01


def record_facts(split: Split) -> dict[str, int] | None:
    """Returns counts of records by what they are of; None where rows are not of records."""
    drawn = add_up(shard.drawn for shard in split.shards)
    if CUT not in drawn:
        return None
    records = sum(shard.documents for shard in split.shards)
    return {"records": records, **{_NAMES[name]: drawn[name] for name in _NAMES if name in drawn}}


def label_charts(statistics: Mapping[str, int], split: Split) -> dict[str, int]:
    """Returns statistics of labelled rows as a page shows them.

    That one candidate of each record is right says nothing; at which place it is does. Windows
    without the answer are apart from those of records that have none.
    """
    drawn = add_up(shard.drawn for shard in split.shards)
    found = {name: count for name, count in statistics.items() if name != "label.right"}
    found |= {name: count for name, count in drawn.items() if name.startswith("right.")}
    if "label.unanswered" in drawn and "label.outside" in found:
        unanswered = min(drawn["label.unanswered"], found["label.outside"])
        outside = found.pop("label.outside") - unanswered
        found["label.window without the answer"] = outside
        found["label.record without an answer"] = unanswered
        found["label.window with the answer"] = found.pop("label.inside")
    return found


def unknown_line(statistics: Mapping[str, int]) -> str:
    """Returns which share of the tokens of text is unknown to the tokenizer; "" if it is small."""
    share = statistics.get("tokens.unknown", 0) / max(statistics.get("tokens.of_text", 0), 1)
    if share <= _MANY_UNKNOWN:
        return ""
    return f"{share:.1%} of the tokens of text are unknown to the tokenizer".replace("%", " %")


def held_out_line(manifest: Manifest) -> str:
    """Returns in a sentence what is held out of labelled records."""
    if manifest.records is not None and manifest.records.held_out:
        return f"Held out: {', '.join(manifest.records.held_out)}."
    counts = {
        split: sum(shard.documents for shard in content.shards)
        for split, content in manifest.splits.items()
    }
    held, records = counts.get("eval", 0), sum(counts.values())
    if not held:
        return "Nothing is held out."
    are = "is" if held == 1 else "are"
    return (
        f"{counted(held, 'record')} of {records:,} {are} held out, by their content: those that "
        "belong together are in one split."
    )


def cut_line(split: Split) -> str:
    """Returns how many records of a split were cut, for its summary; "" if none was."""
    facts = record_facts(split) or {}
    found = ((name, facts.get(name, 0)) for name in _NAMES.values())
    return "".join(f", {counted(count, 'record')} {name}" for name, count in found if count)
