"""Who sees whom in the modes of UniLM, a pair of tokens at a time.

Written from the table of masks of the reference, with n tokens in a row and the first `first` of
them in segment A.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from transforms.contract.modes import Mode

TYPES = {
    "bidirectional": (0, 1),
    "left_to_right": (2, 2),
    "right_to_left": (3, 3),
    "sequence_to_sequence": (4, 5),
}
_FAR = 1 << 20
_RANGES = {
    "left_to_right": [[[-_FAR] * 2] * 2, [[0] * 2] * 2],
    "right_to_left": [[[0] * 2] * 2, [[_FAR] * 2] * 2],
    "sequence_to_sequence": [[[-_FAR, _FAR], [-_FAR, -_FAR]], [[_FAR, -_FAR], [_FAR, 0]]],
}


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


def in_mode(batch: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], mode: Mode) -> Any:
    """Returns what a batch, given as lists with token types 0 and 1, holds in a mode.

    Its rows stand one after the other in a line, or each on a line of its own.
    """
    lines = batch["token_type_ids"]
    lengths = [len(row["input_ids"]) for row in rows]
    sizes = [sum(lengths)] if "cu_seqlens" in batch else lengths
    sizes += [0] * (len(lines) - len(sizes))
    types = [
        [TYPES[mode.name][kind] if place < size else 0 for place, kind in enumerate(line)]
        for line, size in zip(lines, sizes, strict=True)
    ]
    found = {**batch, "token_type_ids": types}
    if mode.name != "bidirectional":
        found |= {"pieces": lines, "visible_ranges": _RANGES[mode.name]}
        found["next_sentence_label"] = [-100] * len(batch["next_sentence_label"])
    return found
