"""Tar archives as WebDataset reads them: the files of a sample stand together, and share a name.

A list is a file NUMBER.COLUMN.npy, a number a file NUMBER.COLUMN.json. NUMBER is that of
the sample in its split. All that a file system would add to a file (owner, time) is zero.

Source: webdataset/webdataset src/webdataset/writer.py; headers as `tarfile` of Python makes them.
"""

import functools
import io
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from schemas.records import Int64
from transforms.arrays.ragged import Array, Ragged, offsets_of
from transforms.samples.packed import (
    Bytes,
    Part,
    SampleColumn,
    fixed_bytes,
    join_pieces,
    sample_columns,
    text_bytes,
    value_bytes,
)

PART_BYTES = 1 << 27
"""Archives are read from begin to end, and their files are twice as large as what is in them."""
_DIGITS = 12
_BLOCK = tarfile.BLOCKSIZE
_SIZE, _CHECKSUM = slice(124, 135), slice(148, 154)
"""Where the octal digits of these stand in a header."""
_MODE = 0o644


class WebDataset:
    """Tar archives; there is no index."""

    part_bytes = PART_BYTES
    value_bytes = 1152
    index_name = ""

    def part_name(self, number: int) -> str:
        return f"shard-{number:06d}.tar"

    def parts(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], first: int
    ) -> Iterator[bytes | Array]:
        columns = sorted(sample_columns(schema), key=_suffix)
        written = 0
        for batch in batches:
            numbers = _decimal(first + np.arange(batch.num_rows))
            files = [
                piece
                for column in columns
                for piece in _files(batch.column(column.name), column, numbers)
            ]
            archive = join_pieces(files).values
            yield archive
            first += batch.num_rows
            written += len(archive)
        # Two blocks of zeros end an archive, whose size is a number of records.
        yield bytes(-(written + 2 * _BLOCK) % tarfile.RECORDSIZE + 2 * _BLOCK)

    def index(self, schema: pa.Schema, parts: Sequence[Part]) -> str:
        raise NotImplementedError("archives need no index")


def _suffix(column: SampleColumn) -> str:
    """Returns what the name of a file ends with."""
    return f"{column.name}.{'npy' if column.listed else 'json'}"


def _files(stored: pa.Array, column: SampleColumn, numbers: Bytes) -> list[Ragged]:
    """Returns header, content and padding of a file for each sample.

    Args:
      stored: The column.
      column: What it holds.
      numbers: uint8[R, 12]; digits of the numbers of the samples.
    """
    content = _arrays(stored, column) if column.listed else [_json(stored)]
    sizes: Int64 = np.sum([piece.lengths for piece in content], axis=0)
    padding = -sizes % _BLOCK
    zeros = Ragged(np.zeros(int(padding.sum()), np.uint8), offsets_of(padding))
    return [fixed_bytes(_headers(_suffix(column), numbers, sizes)), *content, zeros]


def _headers(suffix: str, numbers: Bytes, sizes: Int64) -> Bytes:
    """Returns uint8[R, 512]: the headers of files of these sizes.

    They are one header of `tarfile` with other digits of the name and of the size, and the sum of
    all bytes, where its own eight count as blanks. What is not a digit adds the same to each sum.

    Args:
      suffix: Behind the number of a sample.
      numbers: uint8[R, 12]; the digits of that number.
      sizes: int64[R]; bytes of the contents.
    """
    info = tarfile.TarInfo(f"{'0' * _DIGITS}.{suffix}")
    info.mode = _MODE
    plain = np.frombuffer(info.tobuf(tarfile.USTAR_FORMAT), np.uint8).copy()
    plain[:_DIGITS] = plain[_SIZE] = 0
    # Its eight bytes are six digits, a zero and a blank.
    plain[_CHECKSUM.start : _CHECKSUM.stop + 2] = ord(" ")
    digits = _octal(sizes, _SIZE.stop - _SIZE.start)
    sums = sum(each.sum(axis=1, dtype=np.int64) for each in (numbers, digits))
    found = np.broadcast_to(plain, (len(sizes), len(plain))).copy()
    found[:, :_DIGITS], found[:, _SIZE] = numbers, digits
    found[:, _CHECKSUM] = _octal(sums + plain.sum(dtype=np.int64), 6)
    found[:, _CHECKSUM.stop] = 0
    return found


def _decimal(numbers: Int64) -> Bytes:
    """Returns uint8[R, 12]: the decimal digits of numbers as ASCII.

    >>> _decimal(np.array([70])).tobytes()
    b'000000000070'
    """
    powers = 10 ** np.arange(_DIGITS - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _octal(numbers: Int64, count: int) -> Bytes:
    """Returns uint8[R, count]: the octal digits of numbers as ASCII.

    >>> _octal(np.array([7, 64]), 3).tobytes()
    b'007100'
    """
    shifts = 3 * np.arange(count - 1, -1, -1, dtype=np.int64)
    return ((numbers[:, None] >> shifts & 7) + ord("0")).astype(np.uint8)


def _arrays(stored: pa.ListArray, column: SampleColumn) -> list[Ragged]:
    """Returns the head and the items of each list as a file of NumPy."""
    values = value_bytes(stored)
    lengths, which = np.unique(values.lengths // column.dtype.itemsize, return_inverse=True)
    heads = [_array_head(int(length), column.dtype) for length in lengths]
    # Lengths of as many digits have heads of the same size; all fit into one.
    table = np.frombuffer(b"".join(heads), np.uint8).reshape(len(heads), -1)
    return [fixed_bytes(table[which]), values]


@functools.lru_cache(maxsize=1 << 14)
def _array_head(length: int, dtype: np.dtype[Any]) -> bytes:
    """Returns what stands in front of the items of an array in a file of NumPy."""
    head = io.BytesIO()
    kind = np.lib.format.dtype_to_descr(dtype)
    described = {"descr": kind, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(head, described)
    return head.getvalue()


def _json(stored: pa.Array) -> Ragged:
    """Returns each number as JSON.

    >>> _json(pa.array([0.5, 3, float("nan")], pa.float32())).values.tobytes()
    b'0.53.0NaN'
    """
    found = stored.cast(pa.string())
    if pa.types.is_floating(stored.type):
        found = pa.compute.replace_substring(found, "nan", "NaN")
        # What has no point would be read as an integer.
        found = pa.compute.replace_substring_regex(found, r"^(-?\d+)$", r"\1.0")
    return text_bytes(found)
