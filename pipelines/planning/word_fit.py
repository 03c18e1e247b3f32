"""Whether a list of words is of the text that is built: looked at before the work."""

import itertools
import shlex
from collections.abc import Sequence

import numpy as np

from pipelines.planning.options import BuildOptions
from schemas.documents import document_batch
from schemas.records import ShardId
from transforms.build.build_examples import BuildSettings, tokenize_shard
from transforms.files.inputs import FileRange
from transforms.files.storage import open_file
from transforms.read.formats import read_range
from transforms.records.shard_text import join_documents

_LARGEST_SHARE = 0.5
_RANGES = 8
_BYTES = 1 << 18
"""Of each range, about."""


def words_missing(
    settings: BuildSettings, ranges: Sequence[FileRange], options: BuildOptions
) -> str:
    """Says that more than half of the words of a text are not in the list; "" if they are.

    Looked at are the beginnings of a few ranges of the input.
    """
    if not settings.recipe.of_words or not ranges:
        return ""
    texts = _beginnings(ranges[:: -(-len(ranges) // _RANGES)], options)
    if not texts:
        return ""
    text = join_documents([document_batch(texts)], deduplicate=True)
    ids = tokenize_shard(text, settings, ShardId("train", 0, 1)).ids
    unknown = float(np.mean(ids == settings.vocabulary.roles["unk"])) if len(ids) else 0.0
    if unknown <= _LARGEST_SHARE:
        return ""
    inputs = " ".join(f"--input {shlex.quote(each)}" for each in options.input)
    return (
        f"{unknown:.0%} of the words at the beginning of the text are not in {options.tokenizer}, "
        "and are left out or unknown; if it is no list of this text, stop and make one with "
        f"`shardmill vocab --model words {inputs} --output words.txt`"
    )


def _beginnings(ranges: Sequence[FileRange], options: BuildOptions) -> list[bytes]:
    """Returns the first documents of some ranges; of a file that cannot be read, the build says."""
    found: list[bytes] = []
    for part in ranges:
        try:
            with open_file(part.path) as file:
                batch = next(
                    read_range(file, part, options.text_field, options.max_document_mib << 20), None
                )
        except OSError:
            continue
        texts = batch.texts if batch else []
        ends = itertools.accumulate(map(len, texts))
        found += [text[:_BYTES] for text, end in zip(texts, ends, strict=True) if end < 2 * _BYTES]
        found += [texts[0][:_BYTES]] if texts and len(texts[0]) >= 2 * _BYTES else []
    # A document that is cut may end within a character.
    return [text.decode(errors="ignore").encode() for text in found]
