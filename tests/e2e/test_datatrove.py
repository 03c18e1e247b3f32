"""The bridge from and to DataTrove of docs/filters.md."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main

pytest.importorskip("datatrove")

Build = Callable[..., int]

GOOD = "This is the first sentence of {n}. This is the second one of it. And that is the third."


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What DataTrove's JSON writer makes of documents."""
    from datatrove.data import Document
    from datatrove.pipeline.writers import JsonlWriter

    folder = tmp_path_factory.mktemp("datatrove")
    documents = [
        Document(GOOD.format(n=n), f"id/{n}", metadata={"url": f"u{n}"}) for n in range(30)
    ]
    documents.append(Document("{ not text }", "id/bad"))
    for _ in JsonlWriter(str(folder)).run(iter(documents)):
        pass
    return folder


@pytest.fixture(scope="module")
def built(build: Build, written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "out"
    options = ("--input", f"{written}/*.jsonl.gz", "--text-field", "text", "--shards", "1")
    assert build(folder, *options, "--quality", "c4", "--keep-dropped", recipe="roberta") == 0
    return folder


def test_what_datatrove_wrote_is_built(built: Path) -> None:
    documents = json.loads((built / "manifest.json").read_text("utf-8"))["documents"]
    assert documents["read"] == 31
    assert documents["rejected"] == {}
    assert documents["dropped"] == {"c4": {"curly_bracket": 1}}


def test_datatrove_reads_dropped_documents(built: Path) -> None:
    from datatrove.pipeline.readers import JsonlReader

    [document] = JsonlReader(str(built / "dropped")).run()
    assert document.text == "{ not text }"
    assert document.metadata["reason"] == "curly_bracket"


def test_datatrove_reads_exported_rows(built: Path, tmp_path: Path) -> None:
    from datatrove.pipeline.readers import ParquetReader
    from tokenizers import Tokenizer

    out = tmp_path / "parquet"
    assert main(["export", str(built), "--to", "parquet", "--output", str(out)]) == 0
    tokenizer = Tokenizer.from_file(str(built / "tokenizer.json"))

    def decoded(self: Any, data: dict[str, Any], path: str, number: int) -> dict[str, Any]:
        return {"text": tokenizer.decode(data["input_ids"]), "id": f"{path}/{number}"}

    reader = ParquetReader(str(out), glob_pattern="train/*.parquet", adapter=decoded)
    texts = [document.text for document in reader.run()]
    assert texts
    assert sum("second one" in text for text in texts) == len(texts)
