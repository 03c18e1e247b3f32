"""What a local worker process does: the tasks that it is sent, until its parent is gone."""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from pipelines.running.jobs import Job, TaskFailedError


def main() -> None:
    """Serves as a worker that was started as a program: `worker.py CONNECTION LIFE NUMBER`."""
    connection, life, number = map(int, sys.argv[1:])
    serve(Connection(connection), life, number)


def serve(connection: "Connection[Any, Any]", life: int, number: int) -> None:
    """Does tasks to the end of the connection.

    What comes is (what to do, its argument), see `_do`; the answer is (True, result), or (False,
    (reason, trace)) of an exception.

    Args:
      connection: To the parent.
      life: A pipe whose other end the parent alone holds.
      number: Of the worker.
    """
    faulthandler.enable(sys.stderr)
    # A terminal sends these to all processes of a command; the parent decides what they mean.
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=[life], daemon=True).start()
    # There are as many workers as processors are to be used.
    pa.set_cpu_count(1)
    job: list[Job] = []
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            what, argument = connection.recv()
            try:
                answer = (True, _do(job, what, argument, number))
            except Exception as error:  # noqa: BLE001 - told by the parent
                failed = TaskFailedError.of(error)
                answer = (False, (str(failed), failed.trace))
            connection.send(answer)


def _do(job: list[Job], what: str, argument: Any, number: int) -> Any:
    """Does one thing with the job that is at hand."""
    if what == "begin":
        job[:] = [argument]
        return argument.begin(number)
    if what == "process":
        return job[0].process(argument)
    return job[0].finish()


def set_file_systems(arguments: list[str]) -> None:
    """Gives Beam's options to its file systems."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    FileSystems.set_options(PipelineOptions(arguments))


def _end_with_parent(life: int) -> None:
    """Waits for the other end of a pipe to close."""
    while os.read(life, 1):
        pass
    os._exit(1)
