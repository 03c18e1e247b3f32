"""Generates a corpus of any size from a small text.

Repeating a text would favour programs that cache words or documents. So the lines of the given
documents are recombined into documents that all differ, and a small share of the words is replaced
by generated ones. The numbers of these follow Zipf's law, so the vocabulary grows with the text by
Heaps' law, and generated words recur like rare words do.
"""

import argparse
import bz2
import collections
import dataclasses
import gzip
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from transforms.arrays.ragged import Array, Bool, Int64, offsets_of, positions_in_row, row_numbers
from transforms.arrays.randomness import rng_for

HEAPS_EXPONENT = 0.6
"""The vocabulary of generated words grows with this power of the size of the text."""

GENERATED_SHARE = 0.02
"""Share of the words that are replaced."""

_CHUNK_BYTES = 16 << 20
# Generated words with numbers well below this are about equally frequent.
_HEAD = 20_000
_MAX_NUMBER = 1 << 40
_FIRST_TITLE = 1 << 41
_TITLE_BITS = 20
_TITLE_BYTES = 16
_SYLLABLES = [c + v for c, v in itertools.product("bcdfghjklmnprstvwxyz", "aeiou")]
_IDEOGRAPHS = 1000
# What can be replaced: a word of Latin letters, or two ideographs (U+4000 to U+9FFF).
_SLOT = re.compile(rb"[A-Za-z]{2,}|(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")
_DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
}
_BLANK_LINE = re.compile(r"\n\s*\n")


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """The text that corpora are generated from. A slot is a word that can be replaced.

    Attributes:
      lines: Every line that is not blank, with its line end.
      line_bytes: int64[N].
      document_lines: int64[D]; number of lines of each document.
      slot_offsets: int64[N + 1]; line n has the slots slot_offsets[n] to slot_offsets[n + 1].
      slot_begins: int64[S]; first byte of each slot in its line.
      slot_bytes: int64[S].
      slot_chinese: bool[S]; the slot consists of ideographs, not of letters.
      ideographs: uint8[B, 3]; the ideographs of generated Chinese words, in UTF-8.
    """

    lines: list[bytes]
    line_bytes: Int64
    document_lines: Int64
    slot_offsets: Int64
    slot_begins: Int64
    slot_bytes: Int64
    slot_chinese: Bool
    ideographs: Array


def read_source(paths: Sequence[str | Path]) -> Source:
    """Reads documents separated by blank lines, from plain, gzip or bzip2 files."""
    texts = []
    for path in map(Path, paths):
        data = _DECOMPRESS.get(path.suffix, bytes)(path.read_bytes())
        texts.append(data.decode(errors="ignore"))
    return source_of("\n\n".join(texts))


def source_of(text: str) -> Source:
    """Parses a text.

    Raises:
      ValueError: If there is no line in it.
    """
    parts = [part.splitlines() for part in _BLANK_LINE.split(text)]
    documents = [kept for lines in parts if (kept := [line for line in lines if line.strip()])]
    if not documents:
        raise ValueError("the text holds no line; give files with text")
    lines = [f"{line}\n".encode() for document in documents for line in document]
    line_bytes = np.fromiter(map(len, lines), np.int64, len(lines))
    starts = offsets_of(line_bytes)
    slots = np.array([match.span() for match in _SLOT.finditer(b"".join(lines))], np.int64)
    begins, ends = slots.reshape(-1, 2).T
    slot_offsets = np.searchsorted(begins, starts)
    first_bytes = np.frombuffer(b"".join(lines), np.uint8)[begins]
    frequent = collections.Counter("甲乙" + "".join(re.findall("[\u4e00-\u9fa5]", text)))
    chosen = "".join(character for character, _ in frequent.most_common(_IDEOGRAPHS))
    return Source(
        lines=lines,
        line_bytes=line_bytes,
        document_lines=np.fromiter(map(len, documents), np.int64, len(documents)),
        slot_offsets=slot_offsets,
        slot_begins=begins - np.repeat(starts[:-1], np.diff(slot_offsets)),
        slot_bytes=ends - begins,
        slot_chinese=first_bytes >= 0x80,
        ideographs=np.frombuffer(chosen.encode(), np.uint8).reshape(-1, 3),
    )


def corpus_chunks(source: Source, size: int, seed: int = 0) -> Iterator[bytes]:
    """Yields a corpus in chunks: documents separated by blank lines.

    Args:
      source: The text to generate it from.
      size: Bytes; the corpus is longer by up to a document.
      seed: Different seeds give different corpora, the same seed always the same.
    """
    written = 0
    for number in itertools.count():
        chunk = _chunk(source, min(_CHUNK_BYTES, size - written), seed, number)
        if not number:
            chunk = chunk.removeprefix(b"\n")
        written += len(chunk)
        yield chunk
        if written >= size:
            return


def write_corpus(path: Path, source: Source, size: int, seed: int = 0) -> int:
    """Writes a corpus to a file and returns its size in bytes."""
    with path.open("wb") as file:
        return sum(map(file.write, corpus_chunks(source, size, seed)))


def _chunk(source: Source, size: int, seed: int, number: int) -> bytes:
    """Returns documents of about `size` bytes together, a blank line before each."""
    rng = rng_for(seed, "benchmark corpus", number)
    lines, documents = _draw_lines(source, size, rng)
    stream = b"".join(map(source.lines.__getitem__, lines.tolist()))
    line_starts = offsets_of(source.line_bytes[lines])
    positions, lengths, chinese = _draw_slots(source, lines, line_starts, rng)
    words = [
        *_titles(source, number, len(documents)),
        *_generate_words(source, _zipf_numbers(len(positions), rng), chinese),
    ]
    # A title is inserted at the first line of its document; a stable sort puts it before a word
    # that is replaced at the same position.
    positions = np.concatenate([line_starts[documents], positions])
    lengths = np.concatenate([np.zeros(len(documents), np.int64), lengths])
    order = np.argsort(positions, kind="stable")
    # Pieces of the text that are kept alternate with inserted words.
    begins = np.append(0, (positions + lengths)[order]).tolist()
    ends = np.append(positions[order], len(stream)).tolist()
    kept = [stream[begin:end] for begin, end in zip(begins, ends, strict=True)]
    inserted = [words[index] for index in order.tolist()]
    return b"".join(itertools.chain(*zip(kept, inserted, strict=False), kept[-1:]))


def _draw_lines(source: Source, size: int, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Draws documents of lines: int64[N] line numbers, int64[D] the first of each document in N."""
    mean = source.line_bytes.sum() / len(source.document_lines) + _TITLE_BYTES
    counts = rng.choice(source.document_lines, int(1.25 * size / mean) + 8)
    lines = rng.integers(0, len(source.lines), int(counts.sum()))
    firsts = offsets_of(counts)
    ends = offsets_of(source.line_bytes[lines])[firsts[1:]]
    ends += _TITLE_BYTES * np.arange(1, len(ends) + 1)
    documents = min(int(np.searchsorted(ends, size)) + 1, len(counts))
    return lines[: firsts[documents]], firsts[:documents]


def _draw_slots(
    source: Source, lines: Int64, line_starts: Int64, rng: np.random.Generator
) -> tuple[Int64, Int64, Bool]:
    """Draws the slots to replace: first byte in the joined lines, number of bytes, script."""
    offsets = offsets_of(np.diff(source.slot_offsets)[lines])
    total = int(offsets[-1])
    chosen = np.unique(rng.integers(0, max(total, 1), round(GENERATED_SHARE * total)))
    line = np.searchsorted(offsets, chosen, "right") - 1
    slots = source.slot_offsets[lines[line]] + chosen - offsets[line]
    return (
        line_starts[line] + source.slot_begins[slots],
        source.slot_bytes[slots],
        source.slot_chinese[slots],
    )


def _zipf_numbers(count: int, rng: np.random.Generator) -> Int64:
    """Draws numbers of generated words; the chance of k falls as k ** (-1 / HEAPS_EXPONENT)."""
    tail = HEAPS_EXPONENT / (1 - HEAPS_EXPONENT)
    numbers = _HEAD * ((1 - rng.random(count)) ** -tail - 1)
    return np.minimum(numbers, _MAX_NUMBER).astype(np.int64)


def _titles(source: Source, number: int, count: int) -> list[bytes]:
    """Returns the first lines of the documents of a chunk, unique within a corpus."""
    numbers = _FIRST_TITLE + (number << _TITLE_BITS) + np.arange(count)
    chinese = np.full(
        count, source.slot_chinese.mean() > 0.5 if len(source.slot_chinese) else False
    )
    return [b"\n%s\n" % title for title in _generate_words(source, numbers, chinese)]


def _generate_words(source: Source, numbers: Int64, chinese: Bool) -> list[bytes]:
    """Spells numbers as words of syllables, or of ideographs where `chinese`."""
    syllables = np.frombuffer("".join(_SYLLABLES).encode(), np.uint8).reshape(-1, 2)
    words = np.empty(len(numbers), np.object_)
    for which, units in ((~chinese, syllables), (chinese, source.ideographs)):
        words[which] = _spell(numbers[which], units)
    return list(words)


def _spell(numbers: Int64, units: Array) -> list[bytes]:
    """Writes numbers in base B, with at least two digits; units is uint8[B, W].

    >>> _spell(np.array([0, 1, 4]), np.frombuffer(b"baze", np.uint8).reshape(2, 2))
    [b'zeba', b'zeze', b'zezeba']
    """
    base, width = units.shape
    # With `base` added, every number has at least two digits, and numbers remain distinct.
    numbers = numbers + base
    powers = base ** np.arange(int(np.log(2.0**62) / np.log(base)), dtype=np.int64)
    digits = np.searchsorted(powers, numbers, "right")
    owners = row_numbers(digits)
    place = digits[owners] - 1 - positions_in_row(digits)
    letters = units[numbers[owners] // powers[place] % base].tobytes()
    offsets = (offsets_of(digits) * width).tolist()
    return [letters[begin:end] for begin, end in itertools.pairwise(offsets)]


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a corpus; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus", description=__doc__)
    parser.add_argument(
        "--text", nargs="+", required=True, metavar="FILE", help="what to recombine"
    )
    parser.add_argument("--size-mb", type=float, required=True, metavar="N", help="10^6 bytes")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="(0)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(argv)
    size = write_corpus(
        given.output, read_source(given.text), round(given.size_mb * 1e6), given.seed
    )
    print(f"{given.output}: {size / 1e6:,.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
