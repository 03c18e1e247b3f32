"""Which offsets are committed, and when: with a stand-in for the client of Kafka."""

import json
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka_to_files import Kafka, configuration, main
from message_files import Settings, copy_messages

from schemas.errors import RunError, UsageError


class TopicPartition(NamedTuple):
    topic: str
    partition: int
    offset: int = -1001


class KafkaError:
    def __init__(self, name: str, *, fatal: bool = False) -> None:
        self._name = name
        self._fatal = fatal

    def name(self) -> str:
        return self._name

    def fatal(self) -> bool:
        return self._fatal

    def __str__(self) -> str:
        return f"broker: {self._name}"


class KafkaException(Exception):  # noqa: N818
    pass


KAFKA = types.SimpleNamespace(TopicPartition=TopicPartition, KafkaException=KafkaException)


class Received(NamedTuple):
    """A message of the client, or what it reports instead of one."""

    at: TopicPartition
    content: bytes | None = b'{"text": "a"}'
    failure: KafkaError | None = None

    def topic(self) -> str:
        return self.at.topic

    def partition(self) -> int:
        return self.at.partition

    def offset(self) -> int:
        return self.at.offset

    def value(self) -> bytes | None:
        return self.content

    def error(self) -> KafkaError | None:
        return self.failure


class Consumer:
    """Gives what it is told to, call by call; takes partitions away before that if told to."""

    def __init__(self, *answers: Sequence[Received]) -> None:
        self.answers = [*answers]
        self.revoked_before: dict[int, list[TopicPartition]] = {}
        self.commits: list[list[tuple[str, int, int]]] = []
        self.refusal: KafkaError | None = None
        self.files: Callable[[], int] = lambda: 0
        self.files_at_commit: list[int] = []
        self.calls = 0

    def subscribe(self, topics: list[str], on_revoke: Any, on_lost: Any) -> None:
        assert topics == ["news"]
        assert on_revoke == on_lost
        self.revoke = on_revoke

    def consume(self, num_messages: int, timeout: float) -> Sequence[Received]:
        if taken := self.revoked_before.get(self.calls):
            self.revoke(self, taken)
        self.calls += 1
        return self.answers.pop(0)

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        if self.refusal:
            raise KafkaException(self.refusal)
        self.files_at_commit.append(self.files())
        self.commits.append(sorted(tuple(each) for each in offsets))

    def stopped(self) -> bool:
        return not self.answers


def news(partition: int, offset: int) -> Received:
    return Received(TopicPartition("news", partition, offset))


def copy(consumer: Consumer, output: Path, max_bytes: int = 1 << 20) -> None:
    consumer.files = lambda: len([*output.glob("*.jsonl")])
    settings = Settings(
        output=str(output), form="json", text_field="text", max_bytes=max_bytes, max_wait=30.0
    )
    copy_messages(Kafka(KAFKA, consumer, ["news"]), settings, consumer.stopped)


def test_offsets_after_the_last_message_of_each_partition_are_committed(tmp_path: Path) -> None:
    consumer = Consumer([news(0, 7), news(1, 3)], [news(0, 8)], [news(1, 4)])
    copy(consumer, tmp_path, max_bytes=3 * len('{"text": "a"}\n'))
    assert consumer.commits == [[("news", 0, 9), ("news", 1, 4)], [("news", 1, 5)]]
    # The file was there before.
    assert consumer.files_at_commit == [1, 2]


def test_offsets_of_lost_partitions_are_left_to_who_has_them(tmp_path: Path) -> None:
    consumer = Consumer([news(0, 7), news(1, 3)], [news(1, 4)])
    consumer.revoked_before = {1: [TopicPartition("news", 0)]}
    copy(consumer, tmp_path)
    assert consumer.commits == [[("news", 1, 5)]]
    [path] = tmp_path.glob("*.jsonl")
    assert len(path.read_text().splitlines()) == 3


def test_what_came_again_after_a_partition_was_lost_is_committed(tmp_path: Path) -> None:
    consumer = Consumer([news(0, 7), news(0, 8)], [news(0, 7)])
    consumer.revoked_before = {1: [TopicPartition("news", 0)]}
    copy(consumer, tmp_path)
    assert consumer.commits == [[("news", 0, 8)]]


def test_nothing_is_committed_if_all_partitions_were_lost(tmp_path: Path) -> None:
    consumer = Consumer([news(0, 7)], [])
    consumer.revoked_before = {1: [TopicPartition("news", 0)]}
    copy(consumer, tmp_path)
    assert consumer.commits == []
    assert len([*tmp_path.glob("*.jsonl")]) == 1


def test_a_commit_during_a_rebalance_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer = Consumer([news(0, 7)])
    consumer.refusal = KafkaError("ILLEGAL_GENERATION")
    copy(consumer, tmp_path)
    assert "the messages of the last file come again" in capsys.readouterr().err


def test_another_refusal_of_a_commit_ends_the_program(tmp_path: Path) -> None:
    consumer = Consumer([news(0, 7)])
    consumer.refusal = KafkaError("GROUP_AUTHORIZATION_FAILED")
    with pytest.raises(RunError, match="GROUP_AUTHORIZATION_FAILED; start the program again"):
        copy(consumer, tmp_path)


def test_what_the_client_reports_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    down = Received(TopicPartition("news", 0), None, KafkaError("_ALL_BROKERS_DOWN"))
    consumer = Consumer([down], [down, news(0, 1)])
    copy(consumer, tmp_path)
    assert capsys.readouterr().err.count("Kafka: broker: _ALL_BROKERS_DOWN\n") == 1
    assert consumer.commits == [[("news", 0, 2)]]


def test_a_fatal_report_ends_the_program(tmp_path: Path) -> None:
    fenced = Received(TopicPartition("news", 0), None, KafkaError("FENCED", fatal=True))
    with pytest.raises(RunError, match="FENCED"):
        copy(Consumer([fenced]), tmp_path)


def test_a_message_without_a_value_is_rejected(tmp_path: Path) -> None:
    consumer = Consumer([Received(TopicPartition("news", 0, 5), None)])
    copy(consumer, tmp_path)
    assert consumer.commits == [[("news", 0, 6)]]
    [path] = (tmp_path / "rejected").glob("*.jsonl")
    assert json.loads(path.read_text()) == {"reason": "broken_json", "base64": ""}


def test_the_client_never_commits_by_itself() -> None:
    found = configuration("a:1,b:2", "mill", ["security.protocol=SSL", "x=y=z"])
    assert found == {
        "auto.offset.reset": "earliest",
        "bootstrap.servers": "a:1,b:2",
        "enable.auto.commit": False,
        "group.id": "mill",
        "security.protocol": "SSL",
        "x": "y=z",
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("enable.auto.commit=true", "offsets are committed when the messages are written"),
        ("enable.auto.offset.store=true", "leave the setting out"),
        ("security.protocol", "must be NAME=VALUE"),
        ("=SSL", "must be NAME=VALUE"),
    ],
)
def test_settings_that_are_refused(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        configuration("a:1", "mill", [setting])


def test_the_package_is_asked_for_if_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    given = ["--output", "out", "--servers", "a:1", "--group", "mill", "--topic", "news"]
    assert main(given) == 2
    assert capsys.readouterr().err == (
        "shardmill: Kafka needs another package: pip install confluent-kafka\n"
    )
