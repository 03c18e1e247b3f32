"""Copies the messages of Kafka topics to files that `shardmill follow` watches.

Needs confluent-kafka: `pip install confluent-kafka`.
"""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from message_files import Message, arguments, copy_messages, settings_of, stopped_by_signals

from schemas.errors import RunError, UsageError
from schemas.program import one_sentence
from schemas.terminal import complain

_MOST = 1000
_REBALANCED = ("ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "REBALANCE_IN_PROGRESS")


class Place(NamedTuple):
    """Where a message is, and how often its partition had been taken from this consumer before."""

    topic: str
    partition: int
    offset: int
    revoked: int


class Kafka:
    """Topics of Kafka, read by a group of consumers.

    When the group deals its partitions anew, messages that are held of a lost partition are written
    all the same, but not committed: whoever has the partition now receives them as well.

    Args:
      kafka: The module confluent_kafka.
      consumer: A `confluent_kafka.Consumer` that does not commit by itself.
      topics: Their names.
    """

    def __init__(self, kafka: Any, consumer: Any, topics: Sequence[str]) -> None:
        self._kafka = kafka
        self._consumer = consumer
        self._revoked: dict[tuple[str, int], int] = {}
        self._said = ""
        consumer.subscribe(list(topics), on_revoke=self._lose, on_lost=self._lose)

    def take(self, seconds: float) -> Sequence[Message]:
        messages = []
        try:
            received = self._consumer.consume(num_messages=_MOST, timeout=seconds)
        except self._kafka.KafkaException as error:
            raise RunError(f"Kafka cannot be read: {error}; start the program again") from error
        for each in received:
            if fault := each.error():
                self._report(fault)
                continue
            topic, partition = each.topic(), each.partition()
            revoked = self._revoked.get((topic, partition), 0)
            place = Place(topic, partition, each.offset(), revoked)
            # A message without a value says that a key was deleted.
            messages.append(Message(each.value() or b"", place))
        return messages

    def acknowledge(self, messages: Sequence[Message]) -> None:
        following: dict[tuple[str, int], int] = {}
        for message in messages:
            topic, partition, offset, revoked = message.receipt
            if revoked == self._revoked.get((topic, partition), 0):
                following[topic, partition] = max(following.get((topic, partition), 0), offset + 1)
        if not following:
            return
        offsets = [self._kafka.TopicPartition(*place, at) for place, at in following.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except self._kafka.KafkaException as error:
            if error.args[0].name().lstrip("_") not in _REBALANCED:
                raise RunError(
                    f"Kafka took no offsets: {error}; start the program again, what was not "
                    "committed comes again"
                ) from error
            complain("partitions were dealt anew: the messages of the last file come again")

    def _report(self, fault: Any) -> None:
        """Says what is wrong; the client tries again by itself unless it says that it cannot."""
        if fault.fatal():
            raise RunError(f"Kafka cannot be read: {fault}; start the program again")
        if str(fault) != self._said:
            self._said = str(fault)
            complain(f"Kafka: {self._said}")

    def _lose(self, _: object, partitions: Sequence[Any]) -> None:
        for each in partitions:
            place = (each.topic, each.partition)
            self._revoked[place] = self._revoked.get(place, 0) + 1


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program."""
    parser = arguments("kafka_to_files.py", __doc__ or "")
    parser.add_argument("--servers", required=True, help="HOST:PORT, or several with commas")
    parser.add_argument("--group", required=True, help="name of the group of consumers")
    parser.add_argument("--topic", required=True, action="append", help="may be repeated")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of librdkafka, such as security.protocol=SASL_SSL; may be repeated",
    )
    options = parser.parse_args(argv)
    try:
        import confluent_kafka
    except ImportError as error:
        raise UsageError("Kafka needs another package: pip install confluent-kafka") from error
    consumer = confluent_kafka.Consumer(configuration(options.servers, options.group, options.set))
    try:
        with stopped_by_signals() as stopped:
            subscription = Kafka(confluent_kafka, consumer, options.topic)
            copy_messages(subscription, settings_of(options), stopped)
    finally:
        consumer.close()
    return 0


def configuration(servers: str, group: str, settings: Sequence[str]) -> dict[str, str | bool]:
    """Returns the settings of a consumer that begins at the oldest message.

    Raises:
      UsageError: If a setting has no name, or would commit what is not written yet.
    """
    found: dict[str, str | bool] = {"auto.offset.reset": "earliest"}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not name or not sign:
            raise UsageError(f"--set {setting!r}: must be NAME=VALUE")
        if name.startswith("enable.auto."):
            raise UsageError(
                f"--set {name}: offsets are committed when the messages are written, not by the "
                "client itself; leave the setting out"
            )
        found[name] = value
    return {
        **found,
        "bootstrap.servers": servers,
        "group.id": group,
        "enable.auto.commit": False,
    }


if __name__ == "__main__":
    sys.exit(main())
