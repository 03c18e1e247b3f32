"""The formats of tokenizers, in the order in which they are recognised."""

from collections.abc import Callable
from typing import NamedTuple

from pipelines.tokenizers.byte_level_files import convert_merges, find_merges
from pipelines.tokenizers.converted import Converted
from pipelines.tokenizers.given import Given
from pipelines.tokenizers.json_file import find_json, read_json
from pipelines.tokenizers.sentence_piece import convert_model, find_model
from pipelines.tokenizers.tiktoken_file import convert_ranks, find_ranks
from pipelines.tokenizers.transformers_folder import convert_folder, find_class
from pipelines.tokenizers.word_piece import convert_vocabulary, find_vocabulary


class Kind(NamedTuple):
    """A format.

    Attributes:
      find: Returns the name of the file that is in this format, if there is one.
      convert: Makes a tokenizer of it.
    """

    find: Callable[[Given], str | None]
    convert: Callable[[Given, str], Converted]


TIKTOKEN = Kind(find_ranks, convert_ranks)
KINDS = (
    Kind(find_json, read_json),
    # Classes of transformers that read one of the other formats in a way of their own.
    Kind(find_class, convert_folder),
    Kind(find_model, convert_model),
    TIKTOKEN,
    Kind(find_merges, convert_merges),
    Kind(find_vocabulary, convert_vocabulary),
)

ACCEPTED = (
    "a tokenizers JSON file, BERT's vocab.txt, a SentencePiece model, a tiktoken file, a folder "
    "that has one of them or vocab.json and merges.txt, or a name on the Hugging Face hub"
)


def convert(given: Given) -> Converted:
    """Returns what was given as builds store it.

    Raises:
      UsageError: if it is in none of the formats, is damaged, or needs a missing library.
    """
    for kind in KINDS:
        if (name := kind.find(given)) is not None:
            if given.pattern is not None and kind is not TIKTOKEN:
                raise given.problem(
                    f"--tiktoken-pattern {given.pattern} is for tiktoken files; leave it out"
                )
            return kind.convert(given, name)
    raise given.problem(_unknown(given))


def _unknown(given: Given) -> str:
    """Says what was found instead of a tokenizer."""
    if not given.files:
        return f"no file of a tokenizer is in that folder; name {ACCEPTED}"
    contents = [content for content in given.files.values() if content]
    if not contents:
        return f"the file is empty; name {ACCEPTED}"
    if not given.is_folder and contents[0].startswith(b"#version"):
        return "the merges of a BPE tokenizer, which need vocab.json; name the folder of both"
    return f"no tokenizer that is known; name {ACCEPTED}"
