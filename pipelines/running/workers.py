"""Local worker processes: started safely, watched while they work, ended with their parent.

Beam can start processes itself (`direct_running_mode=multi_processing`), but then waits for ever
for one that died, does not say what its last words were, and leaves it behind when the parent is
killed.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    GrpcWorkerHandler,
    WorkerHandler,
)
from apache_beam.transforms.environments import Environment, python_sdk_capabilities
from google.protobuf import json_format, text_format

_URN = "shardmill:environment:process:v1"
# The folder where a command is given may hold files that are called as modules are (types.py), so
# a worker imports from where its parent does, and from nowhere else. Python puts that folder first.
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]\n"
    "import pipelines.running.worker\n"
    "pipelines.running.worker.main()"
)
_TAIL_BYTES = 1 << 14
_CLOSE_SECONDS = 10.0
_POLL_SECONDS = 0.1
_LOGGED = re.compile(r"(DEBUG|INFO|WARNING):")
_REASON = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)\b|Fatal Python "
)


def worker_command() -> list[str]:
    """Returns the command that starts a worker.

    A parent such as a notebook has the current folder first; for a worker it is the last.
    """
    here = [os.getcwd()] if "" in sys.path else []
    return [sys.executable, "-c", _START, *filter(None, sys.path), *here]


class Workers:
    """The worker processes of one pipeline.

    Attributes:
      failure: Why they were ended, in a sentence; "" while none has died.
      words: The last words of the worker that died first.
    """

    def __init__(self) -> None:
        self.failure = ""
        self.words = ""
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._handlers: list[_ProcessHandler] = []
        _STARTED[self._name] = self

    def environment(self) -> "_ProcessEnvironment":
        """Returns the environment that makes Beam start its workers through these."""
        return _ProcessEnvironment(self._name, capabilities=python_sdk_capabilities())

    def add(self, handler: "_ProcessHandler") -> None:
        """Takes in a worker that was started."""
        with self._lock:
            self._handlers.append(handler)

    def fail(self, died: "_ProcessHandler") -> None:
        """Ends all of them, and whatever waits for one of them, because one died."""
        with self._lock:
            if not self.failure:
                self.words = died.last_words()
                self.failure = _ending(died.returncode, self.words)
            handlers = list(self._handlers)
        for handler in handlers:
            handler.kill()
        # The runner may be about to wait for one more answer.
        while not all(handler.closed.is_set() for handler in handlers):
            for handler in handlers:
                handler.refuse(self.failure)
            died.closed.wait(_POLL_SECONDS)


_STARTED: weakref.WeakValueDictionary[str, Workers] = weakref.WeakValueDictionary()


class ProcessRunner(FnApiRunner):
    """Beam's local runner with worker processes of ours.

    Attributes:
      workers: The processes.
    """

    def __init__(self) -> None:
        self.workers = Workers()
        super().__init__(self.workers.environment())


@contextlib.contextmanager
def silent_lost_connections() -> Iterator[None]:
    """Keeps Beam's threads from printing that a worker is gone; it is reported once, by us."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, grpc.RpcError):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


@Environment.register_urn(_URN, bytes)
class _ProcessEnvironment(Environment):
    """Names the `Workers` that a pipeline's processes belong to."""

    def __init__(
        self,
        name: str,
        capabilities: Iterable[str] = (),
        artifacts: Iterable[Any] = (),
        resource_hints: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(capabilities, artifacts, resource_hints)
        self._name = name

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        return _URN, self._name.encode()

    @staticmethod
    def from_runner_api_parameter(
        payload: bytes,
        capabilities: Iterable[str],
        artifacts: Iterable[Any],
        resource_hints: Mapping[str, bytes],
        _context: Any,
    ) -> "_ProcessEnvironment":
        return _ProcessEnvironment(payload.decode(), capabilities, artifacts, resource_hints)


@WorkerHandler.register_environment(_URN, bytes)
class _ProcessHandler(GrpcWorkerHandler):
    """One worker process, as Beam's runner sees it."""

    _process: subprocess.Popen[bytes]
    _said: IO[bytes]

    def __init__(self, payload: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        super().__init__(state, provision_info, grpc_server)
        self.closed = threading.Event()
        self._workers = _STARTED[payload.decode()]

    @property
    def returncode(self) -> int:
        """The exit status of the process, negative if a signal ended it."""
        return self._process.returncode or 0

    def start_worker(self) -> None:
        # Named nowhere, so that nothing is left of it when the process ends.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop_worker
        # While the parent lives, it holds the other end of standard input.
        self._process = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=self._said,
            stderr=self._said,
            env=self._environment(),
        )
        self._workers.add(self)
        threading.Thread(target=self._watch, daemon=True).start()

    def _environment(self) -> dict[str, str]:
        """Returns the environment in which Beam's worker finds what it must know.

        It names no service for logs: what is logged goes to standard error, to the last words.
        """
        options = self.provision_info.provision_info.pipeline_options
        control = endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
        return {
            **os.environ,
            "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
            "PIPELINE_OPTIONS": json_format.MessageToJson(options),
            "WORKER_ID": self.worker_id,
        }

    def _watch(self) -> None:
        self._process.wait()
        if not self.closed.is_set():
            self._workers.fail(self)

    def close(self) -> None:
        # Where the pipeline failed or was stopped, what they are at is of no use.
        if sys.exc_info()[0] is not None or self._workers.failure:
            self.kill()
        self.closed.set()
        super().close()

    def stop_worker(self) -> None:
        """Waits for the process to end, which was asked to; kills it after a while."""
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        if self._process.stdin:
            self._process.stdin.close()
        self._said.close()

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()

    def refuse(self, reason: str) -> None:
        """Answers all that is asked of this worker with an error."""
        for name, future in list(self.control_conn._futures_by_id.items()):
            if not future.is_done():
                future.set(beam_fn_api_pb2.InstructionResponse(instruction_id=name, error=reason))

    def last_words(self) -> str:
        """Returns the end of what the process wrote."""
        with contextlib.suppress(OSError, ValueError):
            size = self._said.seek(0, os.SEEK_END)
            self._said.seek(max(size - _TAIL_BYTES, 0))
            return self._said.read().decode(errors="replace")
        return ""


def _ending(returncode: int, words: str) -> str:
    """Says in a sentence how a worker ended."""
    lines = [line.strip() for line in words.splitlines()]
    lines = [line for line in lines if line and not _LOGGED.match(line)]
    reasons = [line for line in lines if _REASON.match(line)]
    said = "".join(f": {line}" for line in (reasons or lines)[-1:])
    if returncode >= 0:
        return f"a worker process ended with exit status {returncode}{said}"
    memory = ""
    if returncode == -signal.SIGKILL:
        memory = ", as the system does when memory runs out: give fewer --workers or more --shards"
    return f"a worker process was ended by {_signal_name(-returncode)}{said}{memory}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
