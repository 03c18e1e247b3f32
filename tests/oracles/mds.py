"""MDS as its description says, sample by sample."""

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

_LENGTHS = {0: "B", 1: "H", 2: "I"}


def read_mds(folder: Path) -> list[dict[str, Any]]:
    """Returns the samples of a split as Python's numbers and lists."""
    found = []
    for shard in json.loads((folder / "index.json").read_text())["shards"]:
        content = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(content) == shard["raw_data"]["bytes"]
        [count] = struct.unpack_from("<I", content)
        assert count == shard["samples"]
        begins = struct.unpack_from(f"<{count + 1}I", content, 4)
        assert begins[-1] == len(content)
        found += [_sample(content[begin:end], shard) for begin, end in itertools.pairwise(begins)]
    return found


def _sample(content: bytes, shard: dict[str, Any]) -> dict[str, Any]:
    sizes, at = [], 0
    for size in shard["column_sizes"]:
        if size is None:
            [size] = struct.unpack_from("<I", content, at)
            at += 4
        sizes.append(size)
    found = {}
    columns = zip(shard["column_names"], shard["column_encodings"], sizes, strict=True)
    for name, encoding, size in columns:
        found[name] = _value(content[at : at + size], encoding)
        at += size
    assert at == len(content)
    return found


def _value(content: bytes, encoding: str) -> Any:
    kind, _, items = encoding.partition(":")
    if kind != "ndarray":
        [value] = np.frombuffer(content, kind).tolist()
        return value
    axes, code = divmod(content[0], 4)
    assert axes == 1
    form = f"<{_LENGTHS[code]}"
    [length] = struct.unpack_from(form, content, 1)
    values = np.frombuffer(content, items, offset=1 + struct.calcsize(form))
    assert len(values) == length
    return values.tolist()
