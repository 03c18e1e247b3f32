"""What is printed of a finished build."""

import sys

from pipelines.folder.output import read_manifest
from pipelines.planning.plan import BuildPlan
from pipelines.report.dropped import dropped_lines
from pipelines.report.pair_facts import pairs_line
from pipelines.report.record_facts import cut_line, unknown_line
from schemas.manifest import Manifest
from schemas.manifest_documents import Documents
from schemas.manifest_parts import Split
from schemas.wording import counted, size_of


def show_summary(plan: BuildPlan, seconds: float) -> None:
    """Prints what a finished build holds."""
    manifest = read_manifest(plan.output)
    labelled = isinstance(manifest, Manifest) and manifest.records is not None
    lines = [documents_line(manifest.documents, "record" if labelled else "document")]
    lines += dropped_lines(manifest.documents)
    for builder in plan.builders:
        whose = f"{builder.settings.recipe.name}, " if plan.mixture else ""
        own = read_manifest(builder.output) if plan.mixture else manifest
        if not isinstance(own, Manifest):
            continue
        for split, content in own.splits.items():
            unknown = unknown_line(own.statistics.get(split, {}))
            lines.append(
                f"{whose}{split}: {counted(content.rows, 'row')}, "
                f"{counted(content.tokens, 'token')} in {counted(len(content.shards), 'shard')}"
                + _left_out(content)
                + cut_line(content)
                + (f", {unknown}" if unknown else "")
            )
    if isinstance(manifest, Manifest) and manifest.cooccurrences:
        lines.append(pairs_line(manifest.cooccurrences))
    lines.append(f"{plan.output}: done in {seconds:.1f} s")
    sys.stdout.write("\n".join(lines) + "\n")


def documents_line(documents: Documents, name: str = "document") -> str:
    """Returns what a summary says of the documents of a manifest, and what it calls one."""
    chosen = [
        text
        for count, text in (
            (documents.dropped_count, f"{documents.dropped_count:,} left out by filters"),
            (documents.sampled_out, f"{documents.sampled_out:,} left out by weights"),
            (documents.repeated, f"{counted(documents.repeated, 'repetition')} added"),
        )
        if count
    ]
    if chosen:
        chosen.append(f"{documents.kept:,} in the shards")
    always = (
        f"{counted(documents.read, name)}, {size_of(documents.bytes)} of text",
        f"{counted(documents.duplicates, 'duplicate')} dropped",
        f"{sum(documents.rejected.values()):,} rejected",
    )
    return ", ".join([*always, *chosen])


def _left_out(content: Split) -> str:
    """Returns how many rows of a split the recipe left out, for the summary."""
    count = sum(shard.left_out for shard in content.shards)
    return f", {counted(count, 'row')} left out" if count else ""
