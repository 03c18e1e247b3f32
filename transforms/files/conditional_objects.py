"""Puts an object of a store only if what is there is still what it was.

Google Cloud Storage compares generations, S3 compares ETags; of other stores Beam says nothing
like it. Stores that speak the protocol of S3 may refuse the condition.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from schemas.errors import UsageError
from transforms.files.paths import PathError, exists
from transforms.files.s3_objects import named
from transforms.files.storage import file_system, open_file, s3_objects, scheme_of

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.2
# Answers of S3.
_CHANGED = "PreconditionFailed"
_GONE = "NoSuchKey"
_BUSY = "ConditionalRequestConflict"
_UNKNOWN = "NotImplemented"


class ConditionError(UsageError):
    """A store puts nothing on condition; the message is one sentence that names the path."""


def put_object_if(path: str, content: bytes, there: bytes | None) -> bool:
    """Puts an object if what is there is still what was read.

    Args:
      path: The object.
      content: All its new bytes; those that compete must put different ones.
      there: What was read of it, None if it was not there.

    Returns:
      Whether the object is the one that was put here.

    Raises:
      PathError: If it cannot be written.
      ConditionError: If the store puts nothing on condition.
    """
    put = _STORES.get(scheme_of(path) or "")
    if put is None:
        raise ConditionError(
            f"{path} lies in a store that cannot be asked to put an object only if none is there; "
            "allowed are local folders, gs:// and s3://"
        )
    try:
        return put(path, content, there)
    except (UsageError, PathError):
        raise
    except Exception as error:
        raise PathError(f"{path} cannot be written: {' '.join(str(error).split())}") from error


def _put_google(path: str, content: bytes, there: bytes | None) -> bool:
    from google.api_core.exceptions import PreconditionFailed

    blob = _blob(path)
    generation = 0
    if there is not None:
        blob.reload()
        generation = blob.generation
        if _read(path) != there:
            return False
    # What is there then may still be ours: an answer was lost, and the object sent again.
    with contextlib.suppress(PreconditionFailed):
        blob.upload_from_string(content, if_generation_match=generation)
        return True
    return _is_there(path, content)


def _blob(path: str) -> Any:
    from apache_beam.io.gcp.gcsio import GcsIO, parse_gcs_path

    bucket, name = parse_gcs_path(path)
    client = GcsIO(pipeline_options=getattr(file_system(path), "_pipeline_options", None)).client
    return client.bucket(bucket).blob(name)


def _put_s3(path: str, content: bytes, there: bytes | None) -> bool:
    client, names = s3_objects().client, named(path)
    answer = _BUSY
    for attempt in range(_ATTEMPTS):
        # Another writer was at it just then, and may have failed.
        time.sleep(_PAUSE_SECONDS if attempt else 0)
        answer = _answer(client, names, content, there)
        if answer != _BUSY:
            break
    if answer == _UNKNOWN:
        raise ConditionError(
            f"{path} lies in a store of S3's protocol that puts no object on condition, so two "
            "writers could overwrite each other; name a bucket of a store that does"
        )
    if answer == _BUSY and not exists(path):
        raise PathError(f"{path} cannot be written: other writers are at it; try again later")
    # What is there then may still be ours: an answer was lost, and the client sent it again.
    return not answer or _is_there(path, content)


def _answer(client: Any, names: dict[str, str], content: bytes, there: bytes | None) -> str:
    """Asks S3 once to put an object; returns why it did not, or nothing."""
    from botocore.exceptions import ClientError

    try:
        condition = {"IfNoneMatch": "*"}
        if there is not None:
            found = client.get_object(**names)
            if found["Body"].read() != there:
                return _CHANGED
            condition = {"IfMatch": found["ETag"]}
        client.put_object(**names, **condition, Body=content)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == _GONE and there is not None:
            return _CHANGED
        if code not in (_CHANGED, _BUSY, _UNKNOWN):
            raise
        return code
    return ""


def _is_there(path: str, content: bytes) -> bool:
    return exists(path) and _read(path) == content


def _read(path: str) -> bytes:
    with open_file(path) as file:
        return file.read()


_STORES: dict[str, Callable[[str, bytes, bytes | None], bool]] = {
    "gs": _put_google,
    "s3": _put_s3,
}
