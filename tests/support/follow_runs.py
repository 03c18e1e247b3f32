"""Small streams: documents that are known in the rows again, and what lies in a stream's folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tests.support.made_once import made_once
from transforms.files.atomic_files import named_by_temporary

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<|endoftext|>")
_FIRST = len(_SPECIAL)
DOCUMENTS = 200
"""So many documents there are, each with a word of its own."""


def marked_tokenizer() -> Path:
    """Returns a tokenizer that knows the words of `document`, and no other."""
    return made_once("marked-tokenizer.json", _write_tokenizer)


def _write_tokenizer(path: Path) -> None:
    words = [*_SPECIAL, *map(_word, range(DOCUMENTS)), "the", "cat", "sat", "on", "a", "mat", "."]
    ids = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.save(str(path))


def _word(number: int) -> str:
    return f"d{number:03d}"


def document(number: int) -> str:
    """Returns a document of two sentences, with a word that no other has."""
    word = _word(number)
    return f"The cat {word} sat on a {word} mat. A mat {word} sat on the cat {word}."


def documents(numbers: Iterable[int]) -> bytes:
    """Returns the content of a text file of documents."""
    return "\n\n".join(map(document, numbers)).encode()


def window_folders(stream: Path) -> list[Path]:
    """Returns the folders of the windows, in order."""
    return sorted((stream / "windows").iterdir())


def documents_of(window: Path, split: str = "*") -> set[int]:
    """Returns the numbers of the documents that have tokens in the rows of a build."""
    found = set[int]()
    for path in window.glob(f"**/{split}/*.arrow"):
        with pa.ipc.open_file(str(path)) as file:
            rows: list[dict[str, Any]] = file.read_all().to_pylist()
        found |= {token for row in rows for token in row["input_ids"]}
    return {token - _FIRST for token in found if 0 <= token - _FIRST < DOCUMENTS}


def by_window(stream: Path, split: str = "*") -> list[list[int]]:
    """Returns the documents of each window."""
    return [sorted(documents_of(window, split)) for window in window_folders(stream)]


def everything(stream: Path) -> dict[str, bytes]:
    """Returns all files of a stream.

    Of what a killed command leaves half-written, only what lies outside the windows is passed over:
    it is under no final name, and no reader looks there.
    """
    found = {
        str(path.relative_to(stream)): path.read_bytes()
        for path in sorted(stream.rglob("*"))
        if path.is_file()
    }
    return {
        name: content
        for name, content in found.items()
        if name.startswith("windows/") or named_by_temporary(name.rpartition("/")[2]) is None
    }
