"""Numbers of things, names that may be meant, and names of folders, in messages."""

import difflib
import os
from collections.abc import Iterable, Sequence


def counted(count: int, noun: str, plural: str = "") -> str:
    """Returns a number and what it counts.

    >>> counted(1, "row"), counted(2500, "row"), counted(0, "copy", "copies")
    ('1 row', '2,500 rows', '0 copies')

    Args:
      count: How many.
      noun: What one of them is called.
      plural: What several are called; by default the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shortened(names: Iterable[str], most: int = 20, longest: int = 40) -> str:
    """Returns names of a file of the user with commas between, and not a page of them.

    >>> shortened(["id", "text", "x" * 50], longest=5)
    'id, text, xxxxx...'
    >>> shortened("abcd", most=2)
    'a, b and 2 more'
    """
    listed = [name if len(name) <= longest else f"{name[:longest]}..." for name in names]
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def size_of(size: float) -> str:
    """Returns a number of bytes with a unit, in powers of a thousand.

    >>> size_of(999), size_of(95_400), size_of(400e6), size_of(2.5e12)
    ('999 bytes', '95.4 kB', '400.0 MB', '2,500.0 GB')
    """
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:,.1f} {unit}"
    return f"{size:.0f} bytes"


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a hint: the known names most like this one, and all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{meant}known: {', '.join(names) or 'none'}"


def short_names(paths: Sequence[str]) -> list[str]:
    """Returns the last parts of each path, as few as make all names different.

    >>> short_names(["/runs/bert", "/runs/albert"]), short_names(["/a/run", "/b/run"])
    (['bert', 'albert'], ['a/run', 'b/run'])
    """
    parts = [[part for part in path.split(os.sep) if part] or [path] for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-count:]) for each in parts]
        if len({*names}) == len(names):
            return names
    return [*paths]
