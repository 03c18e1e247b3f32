"""Opens a finished build on a local disk, and compares its files with the manifest."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import MANIFEST, AnyManifest
from schemas.manifest_file import parse_manifest
from schemas.regular_files import read_regular
from transforms.build.corpus import Corpus, CorpusError, check_agreement, corpus_of
from transforms.build.write_shard import Entry
from transforms.files.checked_files import file_sha256

_ADVICE = "run shardmill verify for a full check"


def read_local_manifest(folder: str | os.PathLike[str]) -> AnyManifest:
    """Returns the manifest of a finished build, which agrees with itself.

    Raises:
      UsageError: if there is none.
      DamagedError: if it is damaged.
    """
    if "://" in os.fspath(folder):
        raise UsageError(
            f"{folder} is not on a local disk; copy the build there, shards are mapped"
        )
    try:
        manifest = parse_manifest(read_regular(Path(folder, MANIFEST)))
        check_agreement(manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(_missing(folder, MANIFEST)) from error
    except OSError as error:
        raise UsageError(f"{folder}: {MANIFEST} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise DamagedError(f"{folder}: {error}; {_ADVICE}") from error
    return manifest


def _missing(folder: str | os.PathLike[str], name: str) -> str:
    return f"{folder} holds no {name}; is it the output of a finished `shardmill build`?"


def open_local_corpus(folder: str | os.PathLike[str]) -> Corpus:
    """Opens a finished build.

    Raises:
      UsageError: if there is none, or it is none of one recipe.
      DamagedError: if its manifest, recipe or tokenizer cannot be understood.
    """
    path = Path(folder)
    manifest = read_local_manifest(folder)
    try:
        return corpus_of(str(path), manifest, lambda name: read_regular(path / name))
    except FileNotFoundError as error:
        raise UsageError(_missing(folder, Path(error.filename).name)) from error
    except (CorpusError, OSError) as error:
        raise UsageError(f"{folder}: {error}") from error
    except DamagedError as error:
        raise DamagedError(f"{folder}: {error}; {_ADVICE}") from error


def shard_problem(shards: Iterable[tuple[str, Entry]], *, checksums: bool) -> str | None:
    """Compares shard files with their entries in the manifest.

    Args:
      shards: Each with the folder of its build.
      checksums: Read the files and compare their sha256, not their size alone.

    Returns:
      What is wrong with the first shard that is not what it should be, or None.
    """

    def check(shard: tuple[str, Entry]) -> str | None:
        folder, entry = shard
        path = Path(folder, entry.path)
        try:
            size = path.stat().st_size
            if size != entry.bytes:
                return f"{path} has {size} bytes, its manifest says {entry.bytes}"
            if checksums and file_sha256(str(path)) != entry.sha256:
                return f"{path} was changed: its sha256 is not the manifest's"
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        return None

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        problems = list(filter(None, pool.map(check, shards)))
    return f"{problems[0]}; {_ADVICE}" if problems else None
