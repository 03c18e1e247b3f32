"""How files that were found are read: by their names, or by what they begin with."""

import contextlib
import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from transforms.files.compression import codec_of, decompressed, suffix_of, without_query
from transforms.files.inputs import InputFile, input_file
from transforms.files.storage import FoundFile, is_local, open_file
from transforms.records.wiki_records import is_wiki

_HEAD_BYTES = 4096
# Remote files are looked into many at a time.
_LOOKING = 16


def described_files(
    files: Sequence[FoundFile], requested: str, encoding: str, *, records: bool = False
) -> list[InputFile]:
    """Returns how each file is read.

    A name decides, see `transforms.files.inputs.detect_format`. But WikiExtractor calls its files
    wiki_00, so that a file whose name has no suffix is looked into.

    Args:
      files: That were found.
      requested: The format that the user named, "auto" if none.
      encoding: What text is stored in.
      records: They hold labelled records.

    Raises:
      ValueError: If one cannot be read as it is named.
    """
    found = [
        input_file(file.path, file.size, requested, file.modified, encoding, records=records)
        for file in files
    ]
    if requested != "auto" or records or encoding != "utf-8":
        return found
    local = [_looked_into(file) if is_local(file.path) else file for file in found]
    with ThreadPoolExecutor(_LOOKING) as pool:
        looked = pool.map(_looked_into, [file for file in local if not is_local(file.path)])
        return [file if is_local(file.path) else next(looked) for file in local]


def _looked_into(file: InputFile) -> InputFile:
    """Returns a file of text as the output of WikiExtractor, if it is that."""
    if file.format != "text" or _has_suffix(file.path):
        return file
    # A file that cannot be read is told of where it is read.
    with contextlib.suppress(OSError), open_file(file.path) as stored:
        if is_wiki(decompressed(stored, codec_of(file.path)).read(_HEAD_BYTES)):
            return dataclasses.replace(file, format="wikiextractor")
    return file


def _has_suffix(path: str) -> bool:
    name = without_query(path)
    suffix = suffix_of(name)
    return bool(suffix_of(name[: -len(suffix)]) if codec_of(name) else suffix)
