"""What is asked of Pub/Sub, with a stand-in for its client."""

import types
from typing import Any

import pytest

from schemas.errors import RunError

exceptions = pytest.importorskip("google.api_core.exceptions")

from message_files import Message  # noqa: E402
from pubsub_to_files import PubSub  # noqa: E402


class Client:
    """Records what it is asked for.

    Attributes:
      calls: Names of methods, and their arguments but for the subscription.
      failure: Raised by the method of that name.
    """

    def __init__(self, *data: bytes, failure: dict[str, Exception] | None = None) -> None:
        self.data = data
        self.failure = failure or {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def _called(self, method: str, given: dict[str, Any]) -> None:
        assert given.pop("subscription") == "projects/p/subscriptions/s"
        self.calls.append((method, given))
        if error := self.failure.get(method):
            raise error

    def pull(self, **given: Any) -> Any:
        self._called("pull", given)
        received = [
            types.SimpleNamespace(message=types.SimpleNamespace(data=data), ack_id=f"r{at}")
            for at, data in enumerate(self.data)
        ]
        return types.SimpleNamespace(received_messages=received)

    def modify_ack_deadline(self, **given: Any) -> None:
        self._called("modify_ack_deadline", given)

    def acknowledge(self, **given: Any) -> None:
        self._called("acknowledge", given)


def subscription(client: Client) -> PubSub:
    return PubSub(client, "projects/p/subscriptions/s")


def test_messages_are_leased_for_longer_than_they_may_wait() -> None:
    client = Client(b"a", b"b")
    assert subscription(client).take(2.5) == [Message(b"a", "r0"), Message(b"b", "r1")]
    assert client.calls == [
        ("pull", {"max_messages": 1000, "timeout": 2.5}),
        (
            "modify_ack_deadline",
            {"ack_ids": ["r0", "r1"], "ack_deadline_seconds": 600, "timeout": 60.0},
        ),
    ]


def test_nothing_comes_in_time() -> None:
    client = Client(failure={"pull": exceptions.DeadlineExceeded("late")})
    assert subscription(client).take(2.5) == []


def test_acknowledgements_fit_into_requests() -> None:
    client = Client()
    subscription(client).acknowledge([Message(b"", f"r{at}") for at in range(2001)])
    assert [len(given["ack_ids"]) for _, given in client.calls] == [1000, 1000, 1]
    assert [given["ack_ids"][0] for _, given in client.calls] == ["r0", "r1000", "r2000"]


@pytest.mark.parametrize("method", ["pull", "modify_ack_deadline"])
def test_a_failure_says_what_to_do(method: str) -> None:
    client = Client(b"a", failure={method: exceptions.NotFound("no such subscription")})
    with pytest.raises(
        RunError, match=r"^projects/p/subscriptions/s cannot be read: 404 .*start the program again"
    ):
        subscription(client).take(1)


def test_a_failed_acknowledgement_ends_the_program() -> None:
    client = Client(failure={"acknowledge": exceptions.PermissionDenied("not yours")})
    with pytest.raises(RunError, match="took no acknowledgement: 403 not yours"):
        subscription(client).acknowledge([Message(b"a", "r0")])
