"""The bytes of files of samples: literally, and beside those of the libraries' own writers."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.columns import list_of
from tests.support.sample_batches import SCHEMA, sample_batches
from transforms.samples.litdata import LitData
from transforms.samples.mds import Mds
from transforms.samples.packed import Part
from transforms.samples.webdataset import WebDataset

SMALL = pa.schema(
    [
        pa.field("ids", list_of(pa.int32()), nullable=False),
        pa.field("label", pa.int32(), nullable=False),
    ]
)


def small() -> list[pa.RecordBatch]:
    lists = pa.array([[5, 258], [7]], SMALL.field(0).type)
    return [pa.record_batch([lists, pa.array([1, -100], pa.int32())], schema=SMALL)]


def content_of(layout: Any, schema: pa.Schema, batches: list[pa.RecordBatch]) -> bytes:
    return b"".join(bytes(memoryview(piece)) for piece in layout.parts(schema, batches, 0))


def rows() -> list[dict[str, Any]]:
    return [row for batch in sample_batches() for row in batch.to_pylist()]


def test_a_shard_of_mds() -> None:
    found = content_of(Mds(), SMALL, small())
    config = (
        b'{"column_encodings": ["ndarray:int32", "int32"], "column_names": ["ids", "label"], '
        b'"column_sizes": [null, 4], "compression": null, "format": "mds", "hashes": ["sha256"], '
        b'"size_limit": 67108864, "version": 2}'
    )
    begin = 16 + len(config)
    first = b"\x0a\0\0\0" + b"\x04\x02" + b"\x05\0\0\0\x02\x01\0\0" + b"\x01\0\0\0"
    second = b"\x06\0\0\0" + b"\x04\x01" + b"\x07\0\0\0" + b"\x9c\xff\xff\xff"
    begins = [begin, begin + len(first), begin + len(first) + len(second)]
    assert found == b"".join(
        [np.array([2, *begins], "<u4").tobytes(), config, first, second],
    )


def test_a_chunk_of_litdata() -> None:
    first = b"\x08\0\0\0\x08\0\0\0" + b"\x05\0\0\0\x02\x01\0\0" + b"\x01" + bytes(7)
    second = b"\x04\0\0\0\x08\0\0\0" + b"\x07\0\0\0" + b"\x9c" + b"\xff" * 7
    begins = [16, 16 + len(first), 16 + len(first) + len(second)]
    wanted = np.array([2, *begins], "<u4").tobytes() + first + second
    assert content_of(LitData(), SMALL, small()) == wanted
    index = json.loads(LitData().index(SMALL, [Part("chunk-0-0.bin", 2, 56, "")]))
    assert index["config"]["data_format"] == ["no_header_numpy:2", "int"]
    assert index["chunks"] == [
        {"chunk_bytes": 56, "chunk_size": 2, "dim": None, "filename": "chunk-0-0.bin"}
    ]


def test_an_archive_of_webdataset() -> None:
    file = io.BytesIO(content_of(WebDataset(), SMALL, small()))
    with tarfile.open(fileobj=file) as archive:
        members = archive.getmembers()
        files = {member.name: archive.extractfile(member) for member in members}
        contents = {name: file.read() for name, file in files.items() if file is not None}
    assert [*contents] == [
        "000000000000.ids.npy",
        "000000000000.label.json",
        "000000000001.ids.npy",
        "000000000001.label.json",
    ]
    assert {(member.mtime, member.uid, member.mode, member.uname) for member in members} == {
        (0, 0, 0o644, "")
    }
    assert np.load(io.BytesIO(contents["000000000000.ids.npy"])).tolist() == [5, 258]
    assert contents["000000000001.label.json"] == b"-100"


def test_litdata_writes_the_same_bytes(tmp_path: Path) -> None:
    writer_module = pytest.importorskip("litdata.streaming.writer")
    writer = writer_module.BinaryWriter(str(tmp_path), chunk_bytes=1 << 26)
    for number, row in enumerate(rows()):
        lists = {"input_ids": np.int32, "attention_mask": np.int8}
        arrays = {name: np.array(row[name], kind) for name, kind in lists.items()}
        writer[number] = row | arrays
    writer.done()
    writer.merge()
    own = content_of(LitData(), SCHEMA, sample_batches())
    assert (tmp_path / "chunk-0-0.bin").read_bytes() == own
    theirs = json.loads((tmp_path / "index.json").read_text())
    index = json.loads(LitData().index(SCHEMA, [Part("chunk-0-0.bin", 6, len(own), "")]))
    assert theirs["chunks"] == index["chunks"]
    # They add the time, and options that have their defaults.
    assert theirs["config"] == theirs["config"] | index["config"]


def test_webdataset_writes_the_same_bytes(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    path = tmp_path / "theirs.tar"
    writer = webdataset.TarWriter(str(path), user="", group="", mode=0o644, mtime=0, encoder=False)
    for number, row in enumerate(rows()):
        arrays = {"input_ids": np.int32, "attention_mask": np.int8}
        sample: dict[str, Any] = {"__key__": f"{number:012d}"}
        for name, value in row.items():
            if name in arrays:
                file = io.BytesIO()
                np.save(file, np.array(value, arrays[name]))
                sample[f"{name}.npy"] = file.getvalue()
            else:
                text = str(np.float32(value)) if name == "score" else json.dumps(value)
                sample[f"{name}.json"] = text.encode()
        writer.write(sample)
    writer.close()
    assert content_of(WebDataset(), SCHEMA, sample_batches()) == path.read_bytes()


@pytest.mark.parametrize("layout", [Mds(), LitData(), WebDataset()])
def test_batches_make_no_difference(layout: Any) -> None:
    batches = sample_batches()
    single = [batch.slice(at, 1) for batch in batches for at in range(batch.num_rows)]
    assert content_of(layout, SCHEMA, single) == content_of(layout, SCHEMA, batches)
