"""The objects of S3, by one client of boto3 a process.

Beam's own file system makes a client for each operation, which reads descriptions of the service
for as long as ten requests take; it tries for about ten minutes what cannot succeed, such as a
request without credentials; and it cannot write an empty object. Of Beam is here how a client is
made of options, and the streams.
"""

import contextlib
import errno
import functools
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

_READ_BYTES = 16 * 2**20
_WRITE_BYTES = 2**17
_PART_BYTES = 16 * 2**20
_ATTEMPTS = 4


class S3Objects:
    """Reads, writes and lists objects, whose names are taken as they are.

    Args:
      options: Those of Beam's pipeline, with credentials and the address of the store; without
        them boto3 looks for its own.

    Raises:
      ValueError: If boto3 is not installed, or refuses the options.
    """

    def __init__(self, options: Any) -> None:
        from apache_beam.options.pipeline_options import S3Options

        own = options.view_as(S3Options).get_all_options(retain_unknown_options=False)
        settings = tuple((name, own[name]) for name in sorted(own) if name.startswith("s3_"))
        self.client = _client(os.getpid(), settings)
        """The client of boto3."""

    def exists(self, path: str) -> bool:
        """Returns whether there is an object of this name.

        Raises:
          OSError: If the store does not say so.
          ValueError: If the path names no object.
        """
        try:
            self._head(named(path), path)
        except FileNotFoundError:
            return False
        return True

    def open(self, path: str) -> BinaryIO:
        """Opens an object to read its bytes; one that is replaced meanwhile can be read no further.

        Raises:
          OSError: If it cannot be opened.
          ValueError: If the path names no object.
        """
        from apache_beam.io.filesystemio import DownloaderStream

        names = named(path)
        head = self._head(names, path)
        reader = _Download(self.client, {**names, "IfMatch": head["ETag"]}, head["ContentLength"])
        stream = DownloaderStream(reader, read_buffer_size=_READ_BYTES)
        return cast(BinaryIO, io.BufferedReader(stream, buffer_size=_READ_BYTES))

    def create(self, path: str) -> BinaryIO:
        """Opens an object to write to, which is there when it is closed.

        Raises:
          ValueError: If the path names no object.
        """
        from apache_beam.io.filesystemio import UploaderStream

        stream = UploaderStream(_Upload(self.client, named(path)))
        return cast(BinaryIO, io.BufferedWriter(stream, buffer_size=_WRITE_BYTES))

    def rename(self, path: str, final: str) -> None:
        """Gives an object another name, by a copy.

        Raises:
          OSError: If it cannot be copied, or not be deleted then.
          ValueError: If a path names no object.
        """
        with _told(path):
            self.client.copy(named(path), **named(final))
            self.client.delete_object(**named(path))

    def delete(self, path: str) -> None:
        """Deletes an object; one that is gone already is fine.

        Raises:
          OSError: If it cannot be deleted.
          ValueError: If the path names no object.
        """
        with _told(path):
            self.client.delete_object(**named(path))

    def below(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """Yields path, size and time of every object whose path begins so, in the store's order.

        A bucket that is not there has none.

        Raises:
          OSError: If they cannot be listed.
          ValueError: If the prefix names no bucket.
        """
        bucket, key = _parts(prefix)
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        with contextlib.suppress(FileNotFoundError), _told(prefix):
            for page in pages:
                for found in page.get("Contents", ()):
                    modified = found["LastModified"].timestamp()
                    yield f"s3://{bucket}/{found['Key']}", found["Size"], modified

    def _head(self, names: dict[str, str], path: str) -> Any:
        with _told(path):
            return self.client.head_object(**names)


def named(path: str) -> dict[str, str]:
    """Returns what boto3 calls an object.

    Raises:
      ValueError: If the path names none.
    """
    bucket, key = _parts(path)
    if not key:
        raise ValueError(f"{path} names no object of S3, which is s3://BUCKET/NAME")
    return {"Bucket": bucket, "Key": key}


def _parts(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not bucket:
        raise ValueError(f"{path} names no bucket of S3, as in s3://BUCKET/NAME")
    return bucket, key


class _Download:
    """What Beam's stream reads from."""

    def __init__(self, client: Any, names: dict[str, str], size: int) -> None:
        self._client = client
        self._names = names
        self.size = size

    def get_range(self, start: int, end: int) -> bytes:
        with _told(f"s3://{self._names['Bucket']}/{self._names['Key']}"):
            for _ in range(_ATTEMPTS - 1):
                if (content := self._unless_lost(start, end)) is not None:
                    return content
            return self._read(start, end)

    def _unless_lost(self, start: int, end: int) -> bytes | None:
        """boto3 repeats what is not answered, but not an answer that ends half-way."""
        from botocore.exceptions import BotoCoreError

        try:
            return self._read(start, end)
        except BotoCoreError:
            return None

    def _read(self, start: int, end: int) -> bytes:
        found = self._client.get_object(**self._names, Range=f"bytes={start}-{end - 1}")
        return found["Body"].read()


class _Upload:
    """What Beam's stream writes to: one request for a small object, parts of a large one."""

    def __init__(self, client: Any, names: dict[str, str]) -> None:
        self._client = client
        self._names = names
        self._path = f"s3://{names['Bucket']}/{names['Key']}"
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._upload: dict[str, str] = {}

    def put(self, data: memoryview) -> None:
        self._buffer += data
        while len(self._buffer) >= _PART_BYTES:
            with self._aborted():
                self._send(bytes(self._buffer[:_PART_BYTES]))
            del self._buffer[:_PART_BYTES]

    def finish(self) -> None:
        rest = bytes(self._buffer)
        with self._aborted():
            if not self._upload:
                self._client.put_object(**self._names, Body=rest)
                return
            if rest:
                self._send(rest)
            parts = {"Parts": self._parts}
            self._client.complete_multipart_upload(**self._upload, MultipartUpload=parts)

    def _send(self, part: bytes) -> None:
        if not self._upload:
            begun = self._client.create_multipart_upload(**self._names)
            self._upload = {**self._names, "UploadId": begun["UploadId"]}
        number = len(self._parts) + 1
        sent = self._client.upload_part(**self._upload, PartNumber=number, Body=part)
        self._parts.append({"ETag": sent["ETag"], "PartNumber": number})

    @contextlib.contextmanager
    def _aborted(self) -> Iterator[None]:
        """Leaves no parts behind, which would be paid for, when something fails."""
        try:
            with _told(self._path):
                yield
        except BaseException:
            if self._upload:
                with contextlib.suppress(Exception):
                    self._client.abort_multipart_upload(**self._upload)
            raise


@functools.lru_cache(maxsize=8)
def _client(_process: int, settings: tuple[tuple[str, Any], ...]) -> Any:
    """Returns a client of boto3; a forked process has none of its parent's connections."""
    from apache_beam.io.aws.clients.s3 import boto3_client

    if boto3_client.boto3 is None:
        raise ValueError("s3:// needs boto3, which is not installed: run `pip install boto3`")
    return boto3_client.Client(dict(settings)).client


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Makes errors of boto3 those of files."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            missing = f"{os.strerror(errno.ENOENT)} ({error})"
            raise FileNotFoundError(errno.ENOENT, missing, path) from error
        raise OSError(f"{path}: {error}") from error
    except (Boto3Error, BotoCoreError) as error:
        raise OSError(f"{path}: {error}") from error
