"""Messages of Pub/Sub's emulator, and of a Kafka that librdkafka makes up, become files."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from message_files import Message, Settings, copy_messages

from pipelines.cli import main

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ROOT / "docs" / "adapters"
PROJECT = f"projects/test-{os.getpid()}"
SUBSCRIPTION = f"{PROJECT}/subscriptions/mill"
TOPIC = f"{PROJECT}/topics/news"

KILLED = """
import importlib, os, signal, sys
folder, name, subscription = sys.argv[1:4]
del sys.argv[1:4]
sys.path.insert(0, folder)
program = importlib.import_module(name)
program._LEASE = 1
getattr(program, subscription).acknowledge = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
program.main()
"""
"""A program that is killed when a file has its name, before its messages are acknowledged."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def emulator_program() -> Path | None:
    """Returns the emulator that the Google Cloud CLI installs beside itself."""
    if (gcloud := shutil.which("gcloud")) is None or shutil.which("java") is None:
        return None
    root = Path(gcloud).resolve().parents[1]
    found = root / "platform" / "pubsub-emulator" / "bin" / "cloud-pubsub-emulator"
    return found if found.exists() else None


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def pubsub_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an emulator of Pub/Sub: the one that is given, or one that is started."""
    if given := os.environ.get("PUBSUB_EMULATOR_HOST"):
        yield given
        return
    if (program := emulator_program()) is None:
        pytest.skip("no emulator of Pub/Sub: gcloud components install pubsub-emulator")
    port, log = free_port(), tmp_path_factory.mktemp("pubsub") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [program, "--host=127.0.0.1", f"--port={port}"],
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_for(lambda: process.poll() is not None or answers(port), log.read_text)
        assert process.poll() is None, log.read_text()
        yield f"127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def publish(pubsub_host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Publishes messages to a new topic that has a subscription."""
    pubsub = pytest.importorskip("google.cloud.pubsub_v1")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_host)
    publisher, subscriber = pubsub.PublisherClient(), pubsub.SubscriberClient()
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)

    def send(*messages: bytes) -> None:
        for future in [publisher.publish(TOPIC, message) for message in messages]:
            future.result(60)

    yield send
    subscriber.delete_subscription(subscription=SUBSCRIPTION)
    publisher.delete_topic(topic=TOPIC)
    publisher.stop()
    publisher.transport.close()
    subscriber.close()


def wait_for(condition: Callable[[], bool], said: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.02)


class Program:
    """An adapter that runs.

    Args:
      command: What follows `python`.
      log: Where its standard error goes.
    """

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=file)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        wait_for(lambda: self.process.poll() is not None or condition(), self.log.read_text)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts a program that writes to tmp_path/in; whatever still runs is killed at the end."""
    started: list[Program] = []

    def run(*command: str | Path) -> Program:
        output = ["--output", str(tmp_path / "in"), "--max-wait", "0.5"]
        started.append(Program([*command, *output], tmp_path / "log"))
        return started[-1]

    yield run
    for each in started:
        each.process.kill()
        each.process.wait()


def lines(folder: Path) -> list[bytes]:
    return [
        line for path in sorted(folder.glob("[!.]*")) if path.is_file() for line in path.open("rb")
    ]


def texts(folder: Path) -> list[str]:
    return sorted(json.loads(line)["text"] for line in lines(folder))


def records(documents: Sequence[str]) -> list[bytes]:
    return [json.dumps({"text": document}).encode() for document in documents]


PUBSUB = [ADAPTERS / "pubsub_to_files.py", "--subscription", SUBSCRIPTION]


def test_messages_of_pubsub_become_files_until_it_is_stopped(
    publish: Callable[..., None], start: Callable[..., Program], tmp_path: Path
) -> None:
    program = start(*PUBSUB)
    publish(*records(["a", "b"]), b"no record")
    program.wait_for(lambda: len(lines(tmp_path / "in")) >= 2)
    publish(*records(["c"]))
    program.wait_for(lambda: len(lines(tmp_path / "in")) >= 3)
    program.wait_for(lambda: len(lines(tmp_path / "in" / "rejected")) >= 1)
    assert program.end() == 0
    assert texts(tmp_path / "in") == ["a", "b", "c"]
    [rejected] = lines(tmp_path / "in" / "rejected")
    assert json.loads(rejected) == {"reason": "broken_json", "base64": "bm8gcmVjb3Jk"}


def test_a_kill_before_messages_are_acknowledged_loses_none(
    publish: Callable[..., None],
    start: Callable[..., Program],
    tmp_path: Path,
    documents: list[str],
    tokenizer: Path,
) -> None:
    publish(*records(documents))
    killed = start(
        "-c", KILLED, ADAPTERS, "pubsub_to_files", "PubSub", "--subscription", SUBSCRIPTION
    )
    assert killed.process.wait(120) == -signal.SIGKILL, killed.log.read_text()
    before = len(lines(tmp_path / "in"))
    assert before
    first = {*texts(tmp_path / "in")}
    assert follow(tmp_path / "in", tmp_path / "stream", tokenizer) == [len(first)]

    program = start(*PUBSUB)
    # All of them come again: none had been acknowledged.
    program.wait_for(lambda: len(lines(tmp_path / "in")) >= before + len(documents))
    assert program.end() == 0
    found = texts(tmp_path / "in")
    assert {*found} == {*documents}
    assert len(found) == before + len(documents)

    # A stream has each document once, in the window that it first came in.
    windows = follow(tmp_path / "in", tmp_path / "stream", tokenizer)
    assert windows == [len(first), len(documents) - len(first)]


def follow(folder: Path, stream: Path, tokenizer: Path) -> list[int]:
    """Adds what is new in a folder to a stream; returns how many new ones its windows have."""
    given = ["--watch", str(folder / "*.jsonl"), "--tokenizer", str(tokenizer)]
    given += ["--output", str(stream), "--once", "--settle", "0", "--shards", "1"]
    assert main(["follow", "roberta", *given, "--eval-fraction", "0"]) == 0
    manifests = sorted((stream / "windows").glob("*/manifest.json"))
    splits = [json.loads(path.read_text())["splits"] for path in manifests]
    return [sum(shard["documents"] for shard in each["train"]["shards"]) for each in splits]


def test_a_subscription_that_does_not_exist(
    publish: Callable[..., None], start: Callable[..., Program]
) -> None:
    program = start(ADAPTERS / "pubsub_to_files.py", "--subscription", f"{SUBSCRIPTION}2")
    assert program.process.wait(120) == 1
    said = program.log.read_text()
    assert f"shardmill: {SUBSCRIPTION}2 cannot be read: 404" in said
    assert "Traceback" not in said


@pytest.fixture
def kafka() -> Iterator[tuple[str, Any]]:
    """A producer, and the address of the brokers that it makes up itself."""
    client = pytest.importorskip("confluent_kafka")
    producer = client.Producer({"test.mock.num.brokers": 1})
    [broker] = producer.list_topics(timeout=60).brokers.values()
    yield f"{broker.host}:{broker.port}", producer
    producer.flush(60)


def test_messages_of_kafka_come_again_until_their_offsets_are_committed(
    kafka: tuple[str, Any], start: Callable[..., Program], tmp_path: Path
) -> None:
    servers, producer = kafka
    options = ["--servers", servers, "--group", "mill", "--topic", "news"]
    # The group waits for the session of a consumer that was killed.
    options += ["--set", "session.timeout.ms=6000", "--set", "heartbeat.interval.ms=500"]

    def send(*documents: str) -> None:
        for record in records(documents):
            producer.produce("news", record)
        assert producer.flush(60) == 0

    send("a", "b")
    killed = start("-c", KILLED, ADAPTERS, "kafka_to_files", "Kafka", *options)
    assert killed.process.wait(120) == -signal.SIGKILL, killed.log.read_text()
    before = len(lines(tmp_path / "in"))
    assert before

    second = start(ADAPTERS / "kafka_to_files.py", *options)
    second.wait_for(lambda: len(lines(tmp_path / "in")) >= before + 2)
    assert second.end() == 0, second.log.read_text()
    send("c")
    third = start(ADAPTERS / "kafka_to_files.py", *options)
    third.wait_for(lambda: len(lines(tmp_path / "in")) >= before + 3)
    assert third.end() == 0, third.log.read_text()
    assert {*texts(tmp_path / "in")} == {"a", "b", "c"}
    assert len(texts(tmp_path / "in")) == before + 3


class Two:
    """A subscription with two messages."""

    def __init__(self) -> None:
        self.left = [Message(record, None) for record in records(["a", "b"])]
        self.acknowledged = 0

    def take(self, seconds: float) -> Sequence[Message]:
        taken, self.left = self.left, []
        return taken

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += len(messages)


def test_files_of_a_bucket(emulator: str) -> None:
    storage = pytest.importorskip("google.cloud.storage")
    client = storage.Client.create_anonymous_client()
    client.project = "test"
    bucket = client.create_bucket("adapters")
    settings = Settings(
        output="gs://adapters/in", form="json", text_field="text", max_bytes=1 << 20, max_wait=30.0
    )
    source = Two()
    try:
        copy_messages(source, settings, lambda: not source.left)
        [blob] = bucket.list_blobs()
        assert blob.name.startswith("in/2")
        assert blob.download_as_bytes() == b'{"text": "a"}\n{"text": "b"}\n'
        assert source.acknowledged == 2
    finally:
        bucket.delete(force=True)
