"""What a checkpoint says of its run, as small as it can be."""

from typing import Any

OPTIONS = {"data": "out", "model": "bert-tiny", "output": "run"}
META: dict[str, Any] = {
    "run": "0123456789abcdef",
    "loader": {"epoch": 0},
    "identity": {"seed": 1, "data": "x"},
    "options": OPTIONS,
    "software": {},
}
