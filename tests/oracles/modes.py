"""Who sees whom in the modes of UniLM, a pair of tokens at a time.

Written from the table of masks of the reference, with n tokens in a row and the first `first` of
them in segment A.
"""


def visible(mode: str, query: int, key: int, first: int) -> bool:
    """Returns whether one token of a row sees another."""
    if mode == "bidirectional":
        return True
    if mode == "left_to_right":
        return key <= query
    if mode == "right_to_left":
        return key >= query
    assert mode == "sequence_to_sequence"
    return key < first or key <= query


def visible_count(mode: str, first: int, second: int) -> int:
    """Returns how many pairs see one another in a row of two segments."""
    n = first + second
    half = n * (n + 1) // 2
    return {
        "bidirectional": n * n,
        "left_to_right": half,
        "right_to_left": half,
        "sequence_to_sequence": n * first + second * (second + 1) // 2,
    }[mode]
