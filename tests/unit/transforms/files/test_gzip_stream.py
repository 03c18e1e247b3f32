"""Gzip against the standard library's reading, and files that are damaged."""

import collections
import gzip
import io
from collections.abc import Sequence

import numpy as np
import pytest

from transforms.files.compression import decompressed
from transforms.files.gzip_stream import GzipStream

TEXT = b"The mill stood by the river.\n" * 99
ONE, TWO = gzip.compress(TEXT, 6, mtime=0), gzip.compress("磨坊。\n".encode(), 9, mtime=0)


class InPieces(io.RawIOBase):
    """A stream that gives fewer bytes than it is asked for, as that of a web server."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__()
        self.left, self.most = data, most

    def read(self, size: int | None = -1) -> bytes:
        wanted = self.most if size is None or size < 0 else min(size, self.most)
        given, self.left = self.left[:wanted], self.left[wanted:]
        return given


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def members(count: int) -> Sequence[bytes]:
    """Texts of many lengths, the empty one among them."""
    rng = np.random.default_rng(7)
    return [
        bytes(rng.integers(97, 101, size, np.uint8))
        for size in [0, 1, *rng.integers(1, 9000, count).tolist()]
    ]


@pytest.mark.parametrize("most", [1, 7, 4096, 1 << 20])
def test_members_are_read_as_the_standard_library_reads_them(most: int) -> None:
    texts = members(5 if most == 1 else 200)
    data = b"".join(gzip.compress(text, level % 10) for level, text in enumerate(texts))
    whole = gzip.decompress(data)
    assert GzipStream(InPieces(data, most)).read() == whole == b"".join(texts)


@pytest.mark.parametrize("size", [1, 28, 29, 1000, 1 << 20])
def test_pieces_are_full_but_for_the_last(size: int) -> None:
    stream = GzipStream(io.BytesIO(ONE + TWO))
    found = list(iter(lambda: stream.read(size), b""))
    assert b"".join(found) == TEXT + "磨坊。\n".encode()
    assert all(len(each) == size for each in found[:-1])


def test_an_empty_file_has_no_text() -> None:
    assert GzipStream(io.BytesIO(b"")).read() == b""


def test_zeros_behind_the_last_member_are_padding() -> None:
    assert GzipStream(io.BytesIO(TWO + bytes(1000))).read() == "磨坊。\n".encode()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (ONE[:-20], "Truncated"),
        (ONE[:-3], "Truncated"),
        (ONE[:5], "Truncated"),
        (ONE + TWO[:-9], "Truncated"),
        (ONE + TWO[:4], "Truncated"),
        (ONE + TWO[:1], "Truncated"),
        (flipped(ONE, -8), "CRC check failed"),
        (flipped(ONE, -1), "Incorrect length"),
        (ONE + flipped(TWO, -8), "CRC check failed"),
        (ONE + b"a file that goes on", "stands where a gzip member should begin"),
        (b"Some text that is not compressed.", "stands where a gzip member should begin"),
        (ONE[:10] + b"\x07" + ONE[11:], "gzip: "),
    ],
)
@pytest.mark.parametrize("size", [-1, 100])
def test_damage_is_an_error(data: bytes, told: str, size: int) -> None:
    stream = GzipStream(io.BytesIO(data))
    with pytest.raises(OSError, match=told):
        collections.deque(iter(lambda: stream.read(size), b""), maxlen=0)


def test_the_stored_file_is_closed_with_it() -> None:
    stored = io.BytesIO(ONE)
    with decompressed(stored, "gzip") as stream:
        assert stream.read(8) == b"The mill"
    assert stored.closed
