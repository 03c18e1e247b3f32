"""Opens, writes and lists files: local ones with the standard library, others with Beam or fsspec.

A path with a scheme, such as gs://bucket/name, lies in a store: it has a flat list of objects and
no folders. What lies on the web is read alone, see `transforms.files.web_files`. Importing Beam
takes longer than most commands that only read, so it is imported when the first path with the
scheme of a store is used.
"""

import contextlib
import itertools
import lzma
import os
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from transforms.files.compression import codec_of, decompressed
from transforms.files.s3_objects import S3Objects
from transforms.files.web_files import READ_ONLY_SCHEMES, open_web, web_file, web_files_below

if TYPE_CHECKING:
    from apache_beam.io.filesystems import FileSystems

_SCHEME = re.compile(r"([A-Za-z][-A-Za-z0-9+.]*)://")


class FoundFile(NamedTuple):
    """A file that was found.

    Attributes:
      path: Its name, with the scheme of its store.
      size: In bytes, as it is stored.
      modified: When it was last written, in seconds since 1970; 0 where that is not known.
    """

    path: str
    size: int
    modified: float = 0.0


def scheme_of(path: str) -> str | None:
    """Returns the scheme of a path, such as "gs"; None for a path of this machine."""
    found = _SCHEME.match(path.strip())
    return found[1] if found else None


def is_local(path: str) -> bool:
    """Returns whether a path is one of this machine's."""
    return scheme_of(path) is None


def join(folder: str, *names: str) -> str:
    """Returns the path of something in a folder."""
    if on_web(folder):
        return "/".join([folder.rstrip("/"), *names])
    return os.path.join(folder, *names) if is_local(folder) else _beam().join(folder, *names)


def on_web(path: str) -> bool:
    """Returns whether a path is one that is read and never written: of a web server or the hub."""
    return scheme_of(path) in READ_ONLY_SCHEMES


def check_writable(path: str) -> None:
    """Raises OSError if a path is one that is never written."""
    if on_web(path):
        raise OSError(
            f"{scheme_of(path)}:// is read and never written; name a local folder, gs:// or s3://"
        )


def exists(path: str) -> bool:
    """Returns whether there is a file, a folder, or a link to one; a store has objects only."""
    if is_local(path):
        return os.path.exists(path)
    if on_web(path):
        return web_file(path) is not None
    return s3_objects().exists(path) if _on_s3(path) else bool(_beam().exists(path))


def open_file(path: str) -> BinaryIO:
    """Opens a file to read its bytes as they are stored.

    Raises:
      OSError: If it cannot be opened.
    """
    if is_local(path):
        return open(path, "rb")
    if on_web(path):
        return open_web(path)
    if _on_s3(path):
        return s3_objects().open(path)
    return _beam().open(path, compression_type=_uncompressed())


def open_decompressed(path: str) -> BinaryIO:
    """Opens a file to read what its name says is compressed (.gz, .bz2, .zst, .xz) decompressed.

    Unlike Beam's own decompression it does not take a truncated file for a whole one.

    Raises:
      OSError: If it cannot be opened, or, when read, if it is damaged.
    """
    file = open_file(path)
    if path.lower().endswith(".lzma"):
        return cast(BinaryIO, lzma.open(file))
    # These streams can be read and closed, which is all that callers do.
    return cast(BinaryIO, decompressed(file, codec_of(path)))


def create_file(path: str) -> BinaryIO:
    """Opens a new file to write to, and makes the folders above it.

    Raises:
      OSError: If it cannot be written.
    """
    check_writable(path)
    if _on_s3(path):
        return s3_objects().create(path)
    if not is_local(path):
        return _beam().create(path, compression_type=_uncompressed())
    if folder := os.path.dirname(path):
        os.makedirs(folder, exist_ok=True)
    return open(path, "wb")


def rename_file(path: str, final: str) -> None:
    """Gives a file its final name; a file of that name is replaced.

    Raises:
      OSError: If it cannot be renamed.
    """
    if is_local(path):
        os.rename(path, final)
    elif _on_s3(path):
        s3_objects().rename(path, final)
    else:
        _beam().rename([path], [final])


def make_folders(path: str) -> None:
    """Makes a folder and those above it; a store has none.

    Raises:
      OSError: If it is there already, or cannot be made.
    """
    check_writable(path)
    if is_local(path):
        os.makedirs(path)
    else:
        _beam().mkdirs(path)


def objects_below(prefix: str, most: int | None = None) -> list[FoundFile]:
    """Lists the objects of a store whose names begin with a prefix, at most so many."""
    if on_web(prefix):
        below = itertools.starmap(FoundFile, web_files_below(prefix))
        return list(itertools.islice(below, most))
    if _on_s3(prefix):
        return list(
            itertools.islice(itertools.starmap(FoundFile, s3_objects().below(prefix)), most)
        )
    return _matched(_quoted(prefix) + "**", most)


def objects_named(path: str) -> list[FoundFile]:
    """Returns the object of a store that has this very name; none if there is none."""
    if on_web(path):
        return [FoundFile(*file)] if (file := web_file(path)) else []
    if _on_s3(path):
        # The shortest name that begins so is the first.
        return [file for file in objects_below(path, most=1) if file.path == path]
    return _matched(_quoted(path), None)


def delete_object(path: str) -> None:
    """Deletes the object of a store that has this very name."""
    if _on_s3(path):
        s3_objects().delete(path)
        return
    with _brackets_allowed():
        _beam().delete([_quoted(path)])


def file_system(path: str) -> Any:
    """Returns Beam's file system of a path with a scheme, made with the options Beam was given.

    Raises:
      ValueError: If no library of that store is installed.
    """
    return _beam().get_filesystem(path)


def s3_objects() -> S3Objects:
    """Returns what reads and writes objects of S3, with the options Beam was given.

    Raises:
      ValueError: If boto3 is not installed.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    # Beam's own fails if it was given none.
    return S3Objects(file_system("s3://")._options or PipelineOptions([]))


def _on_s3(path: str) -> bool:
    return scheme_of(path) == "s3"


def _matched(pattern: str, most: int | None) -> list[FoundFile]:
    with _brackets_allowed():
        [result] = _beam().match([pattern], [most])
    return [
        FoundFile(file.path, file.size_in_bytes, file.last_updated_in_seconds or 0.0)
        for file in result.metadata_list
    ]


def _quoted(path: str) -> str:
    """Returns the pattern of one path: Beam has no escapes, but a set of one is that character.

    gs://b/o[1]*  ->  gs://b/o[[]1][*]
    """
    return re.sub(r"[*?\[\\]", lambda found: f"[{found[0]}]", path)


@contextlib.contextmanager
def _brackets_allowed() -> Iterator[None]:
    """Keeps `re` from warning about the sets of one bracket that Beam passes to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _beam() -> "type[FileSystems]":
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def _uncompressed() -> Any:
    from apache_beam.io.filesystem import CompressionTypes

    return CompressionTypes.UNCOMPRESSED
