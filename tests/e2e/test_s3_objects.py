"""Objects of s3://, against a server of S3's protocol on this machine."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.folder import remote_lock
from schemas.errors import UsageError
from schemas.lock_holder import this_process
from transforms.files import conditional_objects, conditional_put
from transforms.files import s3_objects as s3_module
from transforms.files.atomic_files import write_atomically
from transforms.files.conditional_objects import ConditionError
from transforms.files.conditional_put import put_if_absent, replace_if_same
from transforms.files.paths import (
    PathError,
    delete_files,
    exists,
    is_folder,
    list_folder,
    status,
)
from transforms.files.patterns import match
from transforms.files.s3_objects import _client
from transforms.files.storage import create_file, open_file, s3_objects

awsrequest = pytest.importorskip("botocore.awsrequest")
from botocore.exceptions import ClientError, IncompleteReadError  # noqa: E402
from botocore.response import StreamingBody  # noqa: E402

Answer = Callable[[str, int, int], list[str]]


def put(s3: Any, bucket: str, name: str, content: bytes = b"x") -> str:
    s3.put_object(Bucket=bucket, Key=name, Body=content)
    return f"s3://{bucket}/{name}"


def content_of(s3: Any, path: str) -> bytes:
    bucket, _, name = path.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=name)["Body"].read()


@pytest.fixture
def answer(s3: Any) -> Iterator[Answer]:
    """Makes the store answer the next requests to put an object on condition with an error."""
    events = s3_objects().client.meta.events
    handlers = []

    def set_answer(code: str, status: int, times: int) -> list[str]:
        seen: list[str] = []

        def refuse(request: Any, **_: object) -> Any:
            if "If-None-Match" not in request.headers:
                return None
            seen.append(request.headers["If-None-Match"].decode())
            if len(seen) > times:
                return None
            raw = type("Raw", (), {"stream": lambda *_, **__: iter([body])})()
            return awsrequest.AWSResponse(request.url, status, {}, raw)

        body = f"<Error><Code>{code}</Code><Message>told</Message></Error>".encode()
        events.register_first("before-send.s3.PutObject", refuse)
        handlers.append(refuse)
        return seen

    yield set_answer
    for handler in handlers:
        events.unregister("before-send.s3.PutObject", handler)


def test_paths_are_literal_and_patterns_are_ours(s3: Any, s3_bucket: str) -> None:
    root = f"s3://{s3_bucket}"
    every = ["a[1]/b.txt", "a[1]/c/d.txt", "a[1]/.h.txt", "a1/b.txt", "o*", "ox", "z/", "z/y.txt"]
    for name in every:
        put(s3, s3_bucket, name, name.encode())

    def found(pattern: str) -> list[str]:
        return [file.path.removeprefix(f"{root}/") for file in match(f"{root}/{pattern}")]

    assert [found(name) for name in every[:6]] == [[name] for name in every[:6]]
    assert found("a[1]/*.txt") == ["a[1]/b.txt"]
    assert found("a[1]/**/*.txt") == ["a[1]/b.txt", "a[1]/c/d.txt"]
    assert found("a[12]/*") == ["a1/b.txt"]
    assert found("{o*,z/*}") == ["o*", "ox", "z/y.txt"]
    assert found("z/*") == ["z/y.txt"]
    assert found("none*") == found("a[1]") == []
    assert [is_folder(f"{root}/{name}") for name in ("a[1]", "a[1", "none")] == [True, False, False]
    assert exists(f"{root}/a[1]/b.txt")
    assert not exists(f"{root}/a[1]")
    listed = list_folder(f"{root}/a[1]")
    assert [file.path for file in listed] == [f"{root}/a[1]/.h.txt", f"{root}/a[1]/b.txt"]
    assert len(list_folder(f"{root}/a[1]", recursive=True)) == 3
    before = status(f"{root}/a[1]/b.txt")
    assert before == listed[1]
    assert before is not None
    assert before.size == 10
    put(s3, s3_bucket, "a[1]/b.txt", b"longer than before")
    assert status(f"{root}/a[1]/b.txt") != before
    delete_files([f"{root}/a[1]/b.txt", f"{root}/gone"])
    assert status(f"{root}/a[1]/b.txt") is None
    assert exists(f"{root}/a1/b.txt")


@pytest.mark.parametrize("name", ["x", "a b+c%20/文 ü.txt", "o[1]*?", "quote\"'&<>/=#;"])
def test_what_is_written_is_read(s3: Any, s3_bucket: str, name: str) -> None:
    path = f"s3://{s3_bucket}/odd/{name}"
    write_atomically(path, b"content")
    assert content_of(s3, path) == b"content"
    with open_file(path) as file:
        assert file.read(3) == b"con"
        assert file.read() == b"tent"
    assert [file.path for file in list_folder(f"s3://{s3_bucket}/odd", recursive=True)] == [path]
    delete_files([path])
    assert not exists(path)


def test_empty_and_large_objects(s3: Any, s3_bucket: str) -> None:
    write_atomically(f"s3://{s3_bucket}/empty", b"")
    assert content_of(s3, f"s3://{s3_bucket}/empty") == b""
    large = bytes(range(256)) * 140_000
    write_atomically(f"s3://{s3_bucket}/large", large)
    with open_file(f"s3://{s3_bucket}/large") as file:
        assert file.seek(33_000_000) == 33_000_000
        assert file.read(4) == bytes([64, 65, 66, 67])
        file.seek(0)
        assert file.read() == large


def test_more_objects_than_one_answer_lists(s3: Any, s3_bucket: str) -> None:
    def few(params: dict[str, object], **_: object) -> None:
        asked.append(params.get("MaxKeys"))
        params["MaxKeys"] = 2

    asked: list[object] = []
    for number in range(5):
        put(s3, s3_bucket, f"many/{number}")
    events = s3_objects().client.meta.events
    events.register("provide-client-params.s3.ListObjectsV2", few)
    listed = [file.path for file in list_folder(f"s3://{s3_bucket}/many")]
    events.unregister("provide-client-params.s3.ListObjectsV2", few)
    assert listed == [f"s3://{s3_bucket}/many/{number}" for number in range(5)]
    assert len(asked) == 3


def test_an_answer_that_ends_half_way_is_read_again(
    s3: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read, lost = put(s3, s3_bucket, "x", b"content"), StreamingBody.read, []

    def loses(body: Any, amt: int | None = None) -> bytes:
        if len(lost) < 3:
            lost.append(body)
            raise IncompleteReadError(actual_bytes=1, expected_bytes=7)
        return read(body, amt)

    monkeypatch.setattr(StreamingBody, "read", loses)
    with open_file(path) as file:
        assert file.read() == b"content"
    lost.clear()
    monkeypatch.setattr(s3_module, "_ATTEMPTS", 3)
    with open_file(path) as file, pytest.raises(OSError, match=f"^{path}: 1 read, but total"):
        file.read()


def test_errors_are_the_stores_sentence(s3: Any, s3_bucket: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"s3://{s3_bucket}/none"):
        open_file(f"s3://{s3_bucket}/none")
    with pytest.raises(FileNotFoundError, match=r"\(NoSuchBucket\).*'s3://nowhere-at-all/\.x\."):
        write_atomically("s3://nowhere-at-all/x", b"content")
    with pytest.raises(PathError, match=r"^s3://nowhere-at-all/x cannot be written: An error occ"):
        put_if_absent("s3://nowhere-at-all/x", b"content")
    with pytest.raises(PathError, match=r"s3://alone names no object of S3, which is s3://BUCKET"):
        exists("s3://alone")
    assert list_folder("s3://nowhere-at-all") == []


def test_no_credentials_are_told_at_once(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    _client.cache_clear()
    told = r"s3://bucket/x cannot be looked up: s3://bucket/x: Unable to locate credentials$"
    with pytest.raises(PathError, match=told):
        exists("s3://bucket/x")
    _client.cache_clear()


def test_a_missing_library_is_named(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apache_beam.io.aws.clients.s3.boto3_client.boto3", None)
    _client.cache_clear()
    with pytest.raises(PathError, match="s3:// needs boto3, which is not installed"):
        exists("s3://bucket/x")


def test_what_is_replaced_is_read_no_further(s3: Any, s3_bucket: str) -> None:
    path = put(s3, s3_bucket, "x", b"a" * 20_000_000)
    with open_file(path) as file:
        assert file.read(1) == b"a"
        put(s3, s3_bucket, "x", b"b" * 20_000_000)
        with pytest.raises(OSError, match=f"^{path}: .*PreconditionFailed"):
            file.read()


def test_a_large_object_that_fails_leaves_no_parts(
    s3: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        uploads = s3.list_multipart_uploads(Bucket=s3_bucket)["Uploads"]
        assert len(uploads) == 1
        raise ClientError({"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "x")

    monkeypatch.setattr(s3_objects().client, "complete_multipart_upload", refuse)
    file = create_file(f"s3://{s3_bucket}/x")
    file.write(b"a" * 20_000_000)
    with pytest.raises(OSError, match=f"^s3://{s3_bucket}/x: "):
        file.close()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=s3_bucket)


def test_one_client_serves_a_process(s3: Any, s3_bucket: str) -> None:
    assert s3_objects().client is s3_objects().client
    first, second = (put(s3, s3_bucket, name, name.encode() * 3) for name in ("a", "b"))
    with open_file(first) as one, open_file(second) as other:
        assert [one.read(1), other.read(1), one.read(), other.read()] == [b"a", b"b", b"aa", b"bb"]
    mine = s3_objects().client
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, b"same" if s3_objects().client is mine else b"another")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read() == b"another"


class TestConditions:
    def test_the_first_is_there_and_the_second_is_told(self, s3: Any, s3_bucket: str) -> None:
        path = f"s3://{s3_bucket}/a[1] 文*/x"
        assert put_if_absent(path, b"first") is True
        assert put_if_absent(path, b"second") is False
        assert content_of(s3, path) == b"first"

    def test_the_store_decides(
        self, s3: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both look at once, and see none."""
        path = put(s3, s3_bucket, "x", b"first")
        monkeypatch.setattr(conditional_put, "exists", lambda _: False)
        assert put_if_absent(path, b"second") is False
        assert content_of(s3, path) == b"first"

    def test_an_object_whose_answer_was_lost_is_ours(
        self, s3: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put(s3, s3_bucket, "x", b"ours")
        monkeypatch.setattr(conditional_put, "exists", lambda _: False)
        assert put_if_absent(path, b"ours") is True

    def test_what_changed_is_not_replaced(self, s3: Any, s3_bucket: str) -> None:
        path = put(s3, s3_bucket, "x", b"before")
        assert replace_if_same(path, b"mine", b"something else") is False
        assert content_of(s3, path) == b"before"
        assert replace_if_same(path, b"mine", b"before") is True
        assert content_of(s3, path) == b"mine"
        assert replace_if_same(f"s3://{s3_bucket}/none", b"mine", b"before") is False

    def test_a_busy_store_is_asked_again(
        self, s3: Any, s3_bucket: str, answer: Answer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conditional_objects, "_PAUSE_SECONDS", 0)
        seen = answer("ConditionalRequestConflict", 409, 2)
        path = f"s3://{s3_bucket}/x"
        assert put_if_absent(path, b"content") is True
        assert seen == ["*", "*", "*"]
        assert content_of(s3, path) == b"content"

    def test_a_store_that_stays_busy_is_told(
        self, s3: Any, s3_bucket: str, answer: Answer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conditional_objects, "_PAUSE_SECONDS", 0)
        seen = answer("ConditionalRequestConflict", 409, 100)
        with pytest.raises(PathError, match="cannot be written: other writers are at it"):
            put_if_absent(f"s3://{s3_bucket}/x", b"content")
        assert len(seen) == 5

    def test_a_store_without_conditions_is_refused(
        self, s3: Any, s3_bucket: str, answer: Answer
    ) -> None:
        answer("NotImplemented", 501, 100)
        with pytest.raises(ConditionError, match=f"^s3://{s3_bucket}/x lies in a store of S3's"):
            put_if_absent(f"s3://{s3_bucket}/x", b"content")


def test_a_lock_that_came_first_wins(
    s3: Any, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two look at once, and see none; the store lets one put its own."""
    lock = f"s3://{s3_bucket}/out/.shardmill/lock"
    monkeypatch.setattr(remote_lock, "_there", lambda _: None)
    monkeypatch.setattr(conditional_put, "exists", lambda _: False)
    with (
        remote_lock.hold_remote("s3://out", lock, "build"),
        pytest.raises(UsageError, match="s3://out is being written by `shardmill build`"),
        remote_lock.hold_remote("s3://out", lock, "annotate"),
    ):
        pass
    assert not exists(lock)


def test_a_store_without_conditions_is_locked_after_a_while(
    s3: Any, s3_bucket: str, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lock, "_SETTLE_SECONDS", 0)
    answer("NotImplemented", 501, 100)
    lock = f"s3://{s3_bucket}/out/.shardmill/lock"
    with remote_lock.hold_remote("s3://out", lock, "build"):
        assert content_of(s3, lock).startswith(this_process("build").to_json().encode()[:20])
        with (
            pytest.raises(UsageError, match="is being written"),
            remote_lock.hold_remote("s3://out", lock, "build"),
        ):
            pass
    assert not exists(lock)
