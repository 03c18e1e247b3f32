"""What is said of an error that ended a run."""

import re

_KIND = re.compile(r"^(OSError|DamagedError|(transforms|schemas)\.[\w.]+): ")


def reason_of(error: BaseException) -> str:
    """Returns the sentence of an exception that says what happened, without Beam's framing."""
    *before, last = str(error).strip().splitlines() or [""]
    sentence = last.partition(" [while running ")[0]
    # What comes from another process is a whole trace, whose last line names the kind of error.
    if not before and not isinstance(error, OSError):
        sentence = f"{type(error).__name__}: {sentence}"
    return _KIND.sub("", sentence)
