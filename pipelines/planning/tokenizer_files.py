"""Reads the files of --tokenizer: one, a folder, or what a name on the hub stands for."""

import fnmatch
import posixpath
from collections.abc import Iterable

from pipelines.planning.files import read_bytes
from pipelines.planning.options import BuildOptions
from pipelines.tokenizers.given import CONFIGS, Given
from pipelines.tokenizers.hub import FILES, download, is_hub_name
from schemas.errors import UsageError
from transforms.files.paths import PathError, is_folder, list_folder, status
from transforms.files.storage import FoundFile, is_local, join

_OPTION = "--tokenizer"
_COMPRESSED = (".gz", ".bz2", ".zst", ".xz", ".lzma")


def read_given(options: BuildOptions) -> Given:
    """Reads what --tokenizer names.

    Raises:
      UsageError: if it is not there or cannot be read.
    """
    path = options.tokenizer
    if path and is_local(path) and not _is_there(path) and is_hub_name(path):
        return _of_folder(options, str(download(path)))
    if path and _is_folder(path):
        return _of_folder(options, path)
    content = read_bytes(path, _OPTION)
    name = posixpath.basename(path)
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    # BERT's vocabulary does not say whether text is lower-cased; a file beside it does.
    beside = path[: len(path) - len(posixpath.basename(path))]
    configs = _existing(beside, CONFIGS) if name.endswith(".txt") else ()
    return Given(
        name=path,
        files={name: content},
        configs={each: read_bytes(f"{beside}{each}", _OPTION) for each in configs},
        added=options.special_tokens,
        pattern=options.tiktoken_pattern,
    )


def _of_folder(options: BuildOptions, folder: str) -> Given:
    """Reads those files of a folder that a tokenizer may be made of."""
    names = sorted(file.path[len(join(folder, "")) :] for file in _listed(folder))
    wanted = [
        name
        for name in names
        if name != "config.json" and any(fnmatch.fnmatchcase(name, each) for each in FILES)
    ]
    found = {name: read_bytes(join(folder, name), _OPTION) for name in wanted}
    return Given(
        name=options.tokenizer,
        files={name: content for name, content in found.items() if name not in CONFIGS},
        configs={name: content for name, content in found.items() if name in CONFIGS},
        folder=folder if is_local(folder) else None,
        is_folder=True,
        added=options.special_tokens,
        pattern=options.tiktoken_pattern,
    )


def _existing(beside: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if _is_there(f"{beside}{name}")]


def _is_there(path: str) -> bool:
    try:
        return status(path) is not None or is_folder(path)
    except PathError as error:
        raise UsageError(f"{_OPTION}: {error}") from error


def _is_folder(path: str) -> bool:
    try:
        return status(path) is None and is_folder(path)
    except PathError as error:
        raise UsageError(f"{_OPTION}: {error}") from error


def _listed(folder: str) -> list[FoundFile]:
    try:
        return list_folder(folder)
    except PathError as error:
        raise UsageError(f"{_OPTION}: {error}") from error
