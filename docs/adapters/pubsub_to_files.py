"""Copies the messages of a Pub/Sub subscription to files that `shardmill follow` watches.

Needs google-cloud-pubsub, which `pip install 'shardmill[gcp]'` brings along.
"""

import sys
from collections.abc import Sequence
from typing import Any

from message_files import (
    MOST_WAIT,
    Message,
    arguments,
    copy_messages,
    settings_of,
    stopped_by_signals,
)

from schemas.errors import RunError, UsageError
from schemas.extras import pip_install
from schemas.program import one_sentence

# Of one request: Pub/Sub allows 1,000 messages, and 512 KiB of receipts of some 200 bytes.
_MOST = 1000
# Written and acknowledged by then, with a minute or more to spare. Pub/Sub allows ten minutes.
_LEASE = int(min(600, 2 * MOST_WAIT))
_SECONDS = 60.0


class PubSub:
    """A subscription of Pub/Sub, read by requests: only what is asked for is leased.

    Args:
      client: A `google.cloud.pubsub_v1.SubscriberClient`.
      name: Such as "projects/PROJECT/subscriptions/NAME".
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def take(self, seconds: float) -> Sequence[Message]:
        from google.api_core.exceptions import DeadlineExceeded, GoogleAPIError

        try:
            answer = self._client.pull(subscription=self._name, max_messages=_MOST, timeout=seconds)
        except DeadlineExceeded:
            return []
        except GoogleAPIError as error:
            raise self._failed("cannot be read", error) from error
        found = [Message(each.message.data, each.ack_id) for each in answer.received_messages]
        if found:
            try:
                self._client.modify_ack_deadline(
                    subscription=self._name,
                    ack_ids=[each.receipt for each in found],
                    ack_deadline_seconds=_LEASE,
                    timeout=_SECONDS,
                )
            except GoogleAPIError as error:
                raise self._failed("cannot be read", error) from error
        return found

    def acknowledge(self, messages: Sequence[Message]) -> None:
        from google.api_core.exceptions import GoogleAPIError

        receipts = [each.receipt for each in messages]
        for at in range(0, len(receipts), _MOST):
            ids = receipts[at : at + _MOST]
            try:
                self._client.acknowledge(subscription=self._name, ack_ids=ids, timeout=_SECONDS)
            except GoogleAPIError as error:
                raise self._failed("took no acknowledgement", error) from error

    def _failed(self, what: str, error: Exception) -> RunError:
        return RunError(
            f"{self._name} {what}: {error}; start the program again, what was not acknowledged "
            "comes again"
        )


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program."""
    parser = arguments("pubsub_to_files.py", __doc__ or "")
    parser.add_argument("--subscription", required=True, help="projects/PROJECT/subscriptions/NAME")
    options = parser.parse_args(argv)
    try:
        from google.cloud import pubsub_v1
    except ImportError as error:
        raise UsageError(f"Pub/Sub needs google-cloud-pubsub: {pip_install('gcp')}") from error
    with pubsub_v1.SubscriberClient() as client, stopped_by_signals() as stopped:
        copy_messages(PubSub(client, options.subscription), settings_of(options), stopped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
