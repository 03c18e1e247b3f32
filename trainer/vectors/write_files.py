"""Writes vectors of words as other programs read them: word2vec's two formats, and NumPy's."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import RunError
from schemas.records import Array
from trainer.vectors.model import Learned
from trainer.vectors.run_folder import BINARY, NGRAM_BUCKETS, NGRAMS, NUMBERS, TEXT, WORDS
from transforms.files.atomic_files import atomic_file

_BLOCK_NUMBERS = 1 << 20
"""Numbers that are written at once."""


def write_learned(run: Path, learned: Learned) -> list[str]:
    """Writes all files; returns their names.

    vectors.txt: a line "W D", then a line for each word: the word and D numbers, with one space
    between them. vectors.bin: the same first line, then for each word its bytes, a space, D floats
    of 32 bits, little-endian, and a line end. vectors.npy: float32[W, D], and words.txt a word a
    line. Numbers in text are the shortest that read as the same float.

    Raises:
      RunError: if one cannot be written.
    """
    vectors = np.ascontiguousarray(learned.vectors, "<f4")
    words = [word.encode() for word in learned.words]
    header = f"{len(words)} {vectors.shape[1]}\n".encode()
    names = [WORDS, TEXT, BINARY, NUMBERS]
    try:
        with atomic_file(str(run / WORDS)) as file:
            file.write(b"".join(word + b"\n" for word in words))
        for name, block in ((TEXT, _text_lines), (BINARY, _binary_lines)):
            with atomic_file(str(run / name)) as file:
                file.write(header)
                step = max(1, _BLOCK_NUMBERS // max(vectors.shape[1], 1))
                for begin in range(0, len(words), step):
                    part = slice(begin, begin + step)
                    file.write(block(words[part], vectors[part]))
        _write_numbers(run / NUMBERS, vectors)
        if learned.ngrams is not None:
            _write_numbers(run / NGRAMS, np.ascontiguousarray(learned.ngrams.vectors, "<f4"))
            _write_numbers(run / NGRAM_BUCKETS, learned.ngrams.numbers.astype("<i4"))
            names += [NGRAMS, NGRAM_BUCKETS]
    except OSError as error:
        raise RunError(f"cannot write to {run}: {error.strerror}") from error
    return names


def _write_numbers(path: Path, array: Array) -> None:
    with atomic_file(str(path)) as file:
        np.save(file, array)


def _text_lines(words: list[bytes], vectors: Array) -> bytes:
    """Returns lines of words and numbers."""
    # Columns of the transposed block are consecutive numbers.
    columns = [pa.array(column).cast(pa.string()) for column in np.ascontiguousarray(vectors.T)]
    names = pa.array(words, pa.binary()).cast(pa.string())
    lines = pc.binary_join_element_wise(names, *columns, " ")
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


# Word "ab", vector 1.0: the bytes 61 62 20 00 00 80 3f 0a
def _binary_lines(words: list[bytes], vectors: Array) -> bytes:
    """Returns words, each with the bytes of its numbers."""
    rows = vectors.view(np.uint8)
    return b"".join(
        word + b" " + row.tobytes() + b"\n" for word, row in zip(words, rows, strict=True)
    )
