"""The objects of S3: Beam's way of reading and writing them, with one client a process.

Beam makes a client of boto3 for each operation, which reads descriptions of the service from the
disk for as long as ten requests take; and it cannot write an empty object.
"""

import contextlib
import copy
import functools
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

_READ_BYTES = 16 * 2**20
_WRITE_BYTES = 2**17


class S3Objects:
    """Reads, writes and lists objects, whose names are taken as they are.

    Args:
      options: Those of Beam's pipeline, with credentials and the address of the store; without
        them boto3 looks for its own.

    Raises:
      ValueError: If boto3 is not installed.
    """

    def __init__(self, options: Any) -> None:
        from apache_beam.options.pipeline_options import S3Options

        own = options.view_as(S3Options).get_all_options(retain_unknown_options=False)
        settings = tuple((name, own[name]) for name in sorted(own) if name.startswith("s3_"))
        self._client = _client(os.getpid(), settings)

    @property
    def boto3(self) -> Any:
        """The client of boto3."""
        return self._client.client

    def split(self, path: str) -> tuple[str, str]:
        """Returns the bucket and the key of an object.

        Raises:
          ValueError: If one is missing.
        """
        from apache_beam.io.aws.s3io import parse_s3_path

        return cast(tuple[str, str], parse_s3_path(path))

    def exists(self, path: str) -> bool:
        """Returns whether there is an object of this name.

        Raises:
          OSError: If the store does not say so.
        """
        with _told():
            return bool(self._io().exists(path))

    def open(self, path: str) -> BinaryIO:
        """Opens an object to read its bytes.

        Raises:
          OSError: If it cannot be opened.
        """
        from apache_beam.io.aws.s3io import S3Downloader
        from apache_beam.io.filesystemio import DownloaderStream

        with _told():
            reader = S3Downloader(copy.copy(self._client), path, _READ_BYTES)
        stream = DownloaderStream(_Download(reader), read_buffer_size=_READ_BYTES)
        return cast(BinaryIO, io.BufferedReader(stream, buffer_size=_READ_BYTES))

    def create(self, path: str) -> BinaryIO:
        """Opens an object to write to, which is there when it is closed.

        Raises:
          OSError: If it cannot be written.
        """
        from apache_beam.io.aws.s3io import S3Uploader
        from apache_beam.io.filesystemio import UploaderStream

        with _told():
            writer = S3Uploader(copy.copy(self._client), path)
        stream = UploaderStream(_Upload(writer))
        return cast(BinaryIO, io.BufferedWriter(stream, buffer_size=_WRITE_BYTES))

    def rename(self, path: str, final: str) -> None:
        """Gives an object another name, by a copy.

        Raises:
          OSError: If it cannot be copied, or not be deleted then.
        """
        with _told():
            for _, _, error in self._io().rename_files([(path, final)]):
                if error is not None:
                    raise error

    def delete(self, path: str) -> None:
        """Deletes an object; one that is gone already is fine.

        Raises:
          OSError: If it cannot be deleted.
        """
        with _told():
            self._io().delete(path)

    def below(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """Yields path, size and time of every object whose path begins so, in the store's order.

        Raises:
          OSError: If they cannot be listed.
        """
        with _told():
            for path, (size, modified) in self._io().list_files(prefix, with_metadata=True):
                yield path, size, modified

    def _io(self) -> Any:
        from apache_beam.io.aws.s3io import S3IO

        # Beam's wrapper of the client remembers what is being read.
        return S3IO(client=copy.copy(self._client))


class _Download:
    """What Beam's stream reads from."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    @property
    def size(self) -> int:
        return self._reader.size

    def get_range(self, start: int, end: int) -> bytes:
        with _told():
            return self._reader.get_range(start, end)


class _Upload:
    """What Beam's stream writes to."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def put(self, data: memoryview) -> None:
        with _told():
            self._writer.put(data)

    def finish(self) -> None:
        with _told():
            # S3 makes no object of no parts, but of an empty one.
            if not self._writer.parts and not self._writer.buffer:
                self._writer._write_to_s3(b"")
            self._writer.finish()


@functools.lru_cache(maxsize=8)
def _client(_process: int, settings: tuple[tuple[str, Any], ...]) -> Any:
    """Returns Beam's wrapper of a client; a forked process has none of its parent's connections."""
    from apache_beam.io.aws.clients.s3 import boto3_client

    if boto3_client.boto3 is None:
        raise ValueError("s3:// needs boto3, which is not installed: pip install boto3")
    return boto3_client.Client(dict(settings))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Makes errors of Beam's client those of files, with their message alone."""
    from apache_beam.io.aws.clients.s3.messages import S3ClientError

    try:
        yield
    except S3ClientError as error:
        raise OSError(error.message) from error
