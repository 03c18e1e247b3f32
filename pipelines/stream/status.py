"""Says what a stream does: one line that changes on a terminal, plain lines elsewhere."""

import sys
from types import TracebackType

from rich.status import Status as Spinner

from schemas.stream import IndexedWindow
from schemas.terminal import console, is_quiet, say
from schemas.wording import counted


class Status:
    """Shows what is waited for; used as a context manager."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._spinner: Spinner | None = None
        self._said = ""

    def __enter__(self) -> "Status":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clear()

    def wait_for(self, what: str, seconds: float) -> None:
        """Says what is waited for, and when the next look is; in a log only when that changes."""
        if self._console.is_terminal and not is_quiet():
            text = f"{what}; next look in {seconds:g} s"
            if self._spinner is None:
                self._spinner = self._console.status(text)
                self._spinner.start()
            else:
                self._spinner.update(text)
        elif what != self._said:
            say(f"waiting for {what}")
        self._said = what

    def say(self, line: str) -> None:
        """Prints a line that stays."""
        self._clear()
        if not is_quiet():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def _clear(self) -> None:
        self._said = ""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None


def committed_line(window: IndexedWindow, seconds: float, waiting: int) -> str:
    """Returns what is said of a committed window.

    Args:
      window: Of the index.
      seconds: That it took.
      waiting: Documents that wait for the next window, see `transforms.stream.fresh_shards`.
    """
    splits = ", ".join(
        f"{name} {counted(split.rows, 'row')} of {counted(split.tokens, 'token')}"
        for name, split in window.splits.items()
    )
    documents = counted(window.documents, "new document")
    if window.dropped:
        documents += f", {window.dropped:,} left out by filters"
    wait = f"; {waiting:,} {'waits' if waiting == 1 else 'wait'} for more" if waiting else ""
    return f"window {window.window} committed in {seconds:.1f} s: {documents}; {splits}{wait}"
