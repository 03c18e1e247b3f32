"""What a local worker process does: it serves Beam's runner, and ends with its parent.

It is started by `pipelines.running.workers`, and imports Beam only when it can no longer be left
behind.
"""

import faulthandler
import os
import signal
import threading

_STDIN = 0


def main() -> None:
    """Serves the runner that the environment names, to its end."""
    faulthandler.enable()
    # A terminal sends these to all processes of a command; the parent decides what they mean.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])


def _end_with_parent() -> None:
    """Waits for the other end of standard input, which the parent alone holds, to close."""
    while os.read(_STDIN, 1):
        pass
    os._exit(1)
