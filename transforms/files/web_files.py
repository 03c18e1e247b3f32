"""Files on web servers and on the Hugging Face hub, which are read and never written.

https://host/name is one file: a web server lists none. hf://datasets/NAME/REPO/path is a file of a
repository, whose files can be listed. Both go through fsspec. The objects of fsspec are not kept,
since they live in one process and one of its threads.
"""

import contextlib
import email.utils
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from schemas.extras import pip_install
from transforms.files.web_stream import WebStream

WEB_SCHEMES = frozenset({"http", "https"})
READ_ONLY_SCHEMES = frozenset({*WEB_SCHEMES, "hf"})
"""Schemes of files that are read alone."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOCK_BYTES = 16 << 20


def pinned(pattern: str) -> str:
    """Returns a path or pattern of the hub with the commit that its revision is now.

    hf://datasets/a/b/*.txt  ->  hf://datasets/a/b@6f1c...e2/*.txt

    So a run reads the files of one commit, and one that is resumed later those it was planned with.

    Raises:
      OSError: If there is no such repository or revision, or the hub cannot be asked.
    """
    if not pattern.startswith("hf://"):
        return pattern
    with _errors_raised():
        files = _file_system("hf")
        try:
            resolved = files.resolve_path(pattern)
        except FileNotFoundError as error:
            raise OSError(
                "the hub has no such repository or revision, or it is private: then log in with "
                "hf auth login, or set HF_TOKEN"
            ) from error
        revision = getattr(resolved, "revision", None)
        # Buckets of the hub have no revisions.
        if revision is None or _COMMIT.fullmatch(revision):
            return pattern
        from huggingface_hub import HfApi

        api = HfApi(endpoint=files.endpoint, token=files.token)
        found = api.repo_info(
            resolved.repo_id, repo_type=resolved.repo_type, revision=unquote(revision)
        )
        root = resolved.root.partition("@")[0]
        return f"hf://{root}@{found.sha}/{resolved.path_in_repo}".rstrip("/")


def web_file(path: str) -> tuple[str, int, float] | None:
    """Returns path, size and time of writing of a file, None if there is none.

    Raises:
      OSError: If that cannot be found out, or its server does not say how long it is.
    """
    scheme = path.partition("://")[0]
    with _errors_raised():
        try:
            found = _file_system(scheme).info(path)
        except FileNotFoundError:
            return None
    if found["type"] != "file":
        return None
    if found.get("size") is None:
        raise OSError("its server does not say how long it is; download it, and read the file")
    return path, found["size"], _time_of(found.get("Last-Modified"))


def web_files_below(prefix: str) -> Iterator[tuple[str, int, float]]:
    """Yields path, size and time of the files below a prefix that ends in "/"; none of servers.

    Raises:
      OSError: If the hub cannot be asked.
    """
    if not prefix.startswith("hf://"):
        return
    with _errors_raised():
        try:
            found = _file_system("hf").find(prefix, detail=True)
        except FileNotFoundError:
            return
    for name, file in sorted(found.items()):
        yield f"hf://{name}", file["size"], 0.0


def open_web(path: str) -> BinaryIO:
    """Opens a file to read its bytes.

    Raises:
      OSError: If it cannot be opened.
    """
    scheme = path.partition("://")[0]
    with _errors_raised():
        files = _file_system(scheme)
        if scheme in WEB_SCHEMES:
            return cast(BinaryIO, WebStream(files, path))
        return cast(BinaryIO, files.open(path, "rb", block_size=_BLOCK_BYTES))


def _file_system(scheme: str) -> Any:
    """Returns fsspec's file system of a scheme.

    Raises:
      OSError: If a library is missing.
    """
    try:
        import fsspec

        if scheme == "hf":
            # What it remembers is of commits, which never change.
            return fsspec.filesystem(scheme, endpoint=os.environ.get("HF_ENDPOINT"))
        import aiohttp

        # There is no time in which all of a large file must have come.
        waits = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
        return fsspec.filesystem(scheme, client_kwargs={"timeout": waits, "trust_env": True})
    except ImportError as error:
        raise OSError(
            f"{scheme}:// needs a library that is missing ({error.name}); install it with "
            f"{pip_install('web')}"
        ) from error


@contextlib.contextmanager
def _errors_raised() -> Iterator[None]:
    """Makes what the libraries raise an OSError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(reason) from error


def _time_of(header: str | None) -> float:
    """Returns the seconds since 1970 of a date as HTTP has it, 0 if there is none."""
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() if header else 0.0
    except ValueError:
        return 0.0
