"""Copies the messages of a queue to files of JSON lines, and acknowledges them afterwards.

A file gets its name when all of it is on the disk, and its messages are acknowledged when that name
is on the disk too. Whatever is killed when, no message is lost: at worst some come again, in
another file, and the stream drops documents that it has already.

The programs beside this file say where messages come from; all else is here.
"""

import argparse
import base64
import contextlib
import dataclasses
import datetime
import json
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from schemas.errors import UsageError
from schemas.numbers import finite, whole
from schemas.parser import Parser
from schemas.terminal import complain
from schemas.wording import counted
from transforms.files.atomic_files import atomic_file
from transforms.files.storage import join
from transforms.records.json_fields import json_object, json_text
from transforms.records.labelled_records import record_fields

REJECTED = "rejected"
"""The folder, in that of the output, of messages that are no records."""
MOST_WAIT = 300.0
"""Seconds that a message may wait for others. Queues give up on those that are held for longer."""
_LONGEST_TAKE = 5.0
_SHORTEST_TAKE = 0.1


@dataclasses.dataclass(frozen=True)
class Message:
    """A message that was received and is not acknowledged yet.

    Attributes:
      data: What was sent.
      receipt: By what its subscription knows it.
    """

    data: bytes
    receipt: Any


class Subscription(Protocol):
    """Where messages come from. What is not acknowledged comes again some time."""

    def take(self, seconds: float) -> Sequence[Message]:
        """Returns messages that are there, or come in so many seconds; perhaps none."""
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Says that these need not come again."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What is written, and where to.

    Attributes:
      output: The folder of the files, local or of a store.
      form: "json" if a message is a JSON object, "text" if it is the text of one document.
      text_field: The field with the text, as for `shardmill build --text-field`.
      max_bytes: A file is written when it has so many bytes.
      max_wait: Or when its first message is so many seconds old.
    """

    output: str
    form: str
    text_field: str
    max_bytes: int
    max_wait: float


class Batch:
    """Messages that go to one file."""

    def __init__(self, settings: Settings) -> None:
        self.messages: list[Message] = []
        self._settings = settings
        self._lines: list[bytes] = []
        self._rejected: list[bytes] = []
        self._size = 0
        self._since = 0.0

    def add(self, message: Message, now: float) -> None:
        """Adds a message that was received at a time in seconds."""
        line, reason = record_line(message.data, self._settings.form, self._settings.text_field)
        if reason:
            line = rejected_line(message.data, reason)
        (self._rejected if reason else self._lines).append(line)
        self._size += len(line)
        if not self.messages:
            self._since = now
        self.messages.append(message)

    def wait(self, now: float) -> float:
        """Returns for how many seconds more messages may be waited for."""
        if not self.messages:
            return self._settings.max_wait
        if self._size >= self._settings.max_bytes:
            return 0
        return max(0, self._since + self._settings.max_wait - now)

    def write(self) -> None:
        """Writes the file, and one of what was rejected; both are whole and safe at the return."""
        folder, name = self._settings.output, file_name()
        if self._rejected:
            _write(join(folder, REJECTED, name), self._rejected)
        if self._lines:
            _write(join(folder, name), self._lines)
        rejected = f", {len(self._rejected):,} of them rejected" if self._rejected else ""
        complain(f"{name}: {counted(len(self.messages), 'message')}{rejected}")


def copy_messages(
    subscription: Subscription,
    settings: Settings,
    stopped: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Copies messages until it is stopped; what was received by then is written too.

    Args:
      subscription: Where messages come from.
      settings: Where they go to.
      stopped: Asked between two calls of the subscription, that is every few seconds.
      clock: Tells the time in seconds.

    Raises:
      OSError: If a file cannot be written. Its messages are not acknowledged.
    """
    batch = Batch(settings)
    while not stopped():
        seconds = min(max(batch.wait(clock()), _SHORTEST_TAKE), _LONGEST_TAKE)
        for message in subscription.take(seconds):
            batch.add(message, clock())
        if batch.messages and not batch.wait(clock()):
            batch = _finish(batch, subscription, settings)
    if batch.messages:
        _finish(batch, subscription, settings)


def _finish(batch: Batch, subscription: Subscription, settings: Settings) -> Batch:
    """Writes a batch, then acknowledges its messages: never the other way round."""
    batch.write()
    subscription.acknowledge(batch.messages)
    return Batch(settings)


def record_line(data: bytes, form: str, text_field: str) -> tuple[bytes, str]:
    r"""Returns the JSON line of a message, and the reason for rejecting it or "".

    What is not rejected here is not rejected by Shardmill: it is read with the same functions.

    >>> record_line(b"One.\nTwo.", "text", "body")
    (b'{"body": "One.\\nTwo."}\n', '')
    >>> record_line(b'["no object"]', "json", "body")
    (b'', 'broken_json')
    """
    if form == "text":
        try:
            record: dict[str, Any] = {text_field: data.decode()}
        except UnicodeDecodeError:
            return b"", "invalid_utf8"
        return _line(record), ""
    record, reason = json_object(data, "invalid_utf8")
    if not reason:
        _, _, reason = json_text(record, text_field)
    return (b"", reason) if reason else (_line(record), "")


def rejected_line(data: bytes, reason: str) -> bytes:
    """Returns the JSON line of a message that is no record, from which it can be sent again."""
    return _line({"reason": reason, "base64": base64.b64encode(data).decode()})


def _line(record: dict[str, Any]) -> bytes:
    """Returns a record on one line, whatever line ends its message had."""
    return json.dumps(record).encode() + b"\n"


def _write(path: str, lines: Sequence[bytes]) -> None:
    with atomic_file(path) as file:
        file.writelines(lines)


def file_name() -> str:
    """Returns a name that no other file has; names sort by time, as far as clocks agree."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:12]}.jsonl"


def arguments(program: str, description: str) -> Parser:
    """Returns a parser of the options that all of these programs have."""
    parser = Parser(program, description)
    parser.prog = program
    parser.add_argument("--output", required=True, help="the folder of the files, local or gs://")
    parser.add_argument(
        "--form",
        choices=("json", "text"),
        default="json",
        help="a message is a JSON object, or the text of one document (%(default)s)",
    )
    parser.add_argument(
        "--text-field", default="text", help="the field with the text (%(default)s)"
    )
    parser.add_argument(
        "--max-mib", type=whole(1, 1024), default=16, help="size of a file, in MiB (%(default)s)"
    )
    parser.add_argument(
        "--max-wait",
        type=finite(0, MOST_WAIT, above=True),
        default=30.0,
        help="seconds after which a smaller file is written (%(default)s)",
    )
    return parser


def settings_of(options: argparse.Namespace) -> Settings:
    """Returns what the options of `arguments` say.

    Raises:
      UsageError: If they do not go together.
    """
    if options.form == "text" and record_fields(options.text_field):
        raise UsageError(
            f"--form text: a text has one field, not {options.text_field}; leave out --text-field, "
            "or send JSON objects"
        )
    return Settings(
        output=options.output,
        form=options.form,
        text_field=options.text_field,
        max_bytes=options.max_mib << 20,
        max_wait=options.max_wait,
    )


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Yields whether SIGTERM or SIGINT has come: messages that are held are written then."""
    event = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: event.set()) for number in numbers]
    try:
        yield event.is_set
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
