"""The dataset card of an export: README.md, as the Hugging Face hub reads it."""

import collections
from typing import Any

from pipelines.exporting.formats import FORMATS
from pipelines.report.card_facts import size_category, task_category
from pipelines.report.describe import type_name
from pipelines.report.page import changed_settings, template_of
from schemas.co_occurrences import PAIRS
from schemas.exported import ExportIdentity
from transforms.build.corpus import Corpus
from transforms.build.standard_columns import standard_fields


def render_export_card(corpus: Corpus, identity: ExportIdentity) -> str:
    """Returns the card. Only what is known is said: neither a language nor a licence is made up.

    Args:
      corpus: The build.
      identity: What is exported of it.
    """
    recipe, found = corpus.recipe, FORMATS[identity.format]
    copies = 1 if found.of_documents else identity.copies
    rows = collections.Counter[str]()
    for split in identity.splits:
        rows[split] = copies * sum(shard.rows for shard in corpus.shards(split))
    shown = "train" if "train" in identity.splits else next(iter(identity.splits), "")
    configs = {"default": {split: split for split in identity.splits}}
    if corpus.pairs and "train" in identity.splits:
        configs[PAIRS] = {"train": PAIRS}
    return template_of("export_card.md.j2").render(
        recipe=recipe,
        manifest=corpus.manifest,
        changed=changed_settings(recipe),
        category=task_category(recipe),
        size=size_category(rows.total()),
        rows=rows,
        copies=copies,
        format=identity.format,
        summary=found.summary,
        reader=found.reader.replace("train", shown) if shown else "",
        pattern=found.hub_files if shown else "",
        configs=configs,
        documents=found.of_documents,
        columns=_columns(corpus),
    )


def _columns(corpus: Corpus) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "type": type_name(each.type), "meaning": each.meaning}
        for each in standard_fields(corpus.recipe)
    ]
