"""Numbers of things in messages."""


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
