"""Counts of pairs of words: ours, a sort of all pairs in NumPy, and the tools of GloVe, in turn.

    python -m benchmarks.cooccurrences --text D/en_books.txt.gz --size-mb 20 --tools GLOVE/build

All of them get the same rows: ours as shards of ids, those of GloVe as a line of words each. Each
runs alone, on one core. Values are compared: they have to be the same for all. The text is made of
the sentences of a smaller one: a line has 1 to 10 that are drawn anew.

A program in Python takes a second or two to start, which a build does once; so the time of our
steps is also given from when the machine code is loaded.
"""

import argparse
import dataclasses
import gzip
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.processes import Usage, run_pinned
from pipelines.build import main as build
from pipelines.folder.corpus import open_corpus
from schemas.lock import WORK_FOLDER
from schemas.records import Array, Int64
from transforms.counting.add_pairs import add_pairs
from transforms.counting.check_pairs import read_pairs
from transforms.counting.count_rows import count_rows
from transforms.counting.names import part_count
from transforms.counting.pair_counter import PairCounter
from transforms.counting.row_words import read_row_words

RECORD = np.dtype([("word", "<i4"), ("context", "<i4"), ("value", "<f8")])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Rows to count.

    Attributes:
      folder: Has a build of glove in `out`, and the same rows in `rows.txt`.
      tokens: Words of the rows.
      tools: Folder of cooccur and shuffle of GloVe, None without.
    """

    folder: Path
    tokens: int
    tools: Path | None


def _counter(folder: Path, output: Path) -> PairCounter:
    """Returns what counts a build into another folder."""
    corpus = open_corpus(str(folder / "out"))
    assert corpus.manifest is not None
    rows = corpus.manifest.splits["train"].shards
    text = corpus.manifest.documents.bytes
    parts = part_count(text, corpus.manifest.cooccurrences.window)  # type: ignore[union-attr]
    counter = PairCounter.of(
        corpus.recipe, corpus.vocabulary, corpus.manifest.seed, len(rows), parts, str(output)
    )
    assert counter is not None
    return dataclasses.replace(counter, rows=rows)


def warm(counter: PairCounter) -> None:
    """Loads the machine code that a build has loaded before, or loads once."""
    ids, offsets = np.array([3, 4], np.uint32), np.array([0, 2])
    for records, _ in count_rows(ids, offsets, counter.rule, counter.words, counter.key, 1):
        add_pairs(records, counter.rule, counter.words, counter.key)


def count_ours(counter: PairCounter, folder: Path, output: Path) -> None:
    """Counts the pairs as a build does after its rows are written."""
    for name in ("cooccurrences", WORK_FOLDER):
        (output / name).mkdir(parents=True)
    (output / "train").symlink_to(folder / "out" / "train")
    for number in range(counter.shards):
        counter.count(number)
    for part in range(counter.parts):
        counter.add_up(part)


def count_by_sorting(counter: PairCounter, folder: Path, output: Path) -> None:
    """Writes all pairs of one side by distance, sorts them, and adds up what is equal."""
    words, keys, values = counter.words, [], []
    for entry in counter.rows:
        ids, offsets = read_row_words(str(folder / "out"), entry, words)
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        for distance in range(1, counter.rule.window + 1):
            near = rows[distance:] == rows[:-distance]
            left, right = ids[:-distance][near], ids[distance:][near]
            low, high = np.minimum(left, right), np.maximum(left, right)
            keys.append(high.astype(np.int64) * words + low)
            values.append(np.full(len(low), 1 / distance))
    found, sums = _added_up(np.concatenate(keys), np.concatenate(values))
    output.mkdir(parents=True)
    np.savez(output / "pairs.npz", keys=found, sums=sums)


def _added_up(keys: Int64, values: Array) -> tuple[Int64, Array]:
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[firsts], np.add.reduceat(values[order], firsts)


STEPS: dict[str, Callable[[PairCounter, Path, Path], None]] = {
    "ours": count_ours,
    "sort": count_by_sorting,
}


def make_case(text: Path, size: int, folder: Path, tools: Path | None) -> Case:
    """Writes a corpus, and builds it with the words that occur five times."""
    corpus, counts, lines = folder / "corpus.txt", Counter[str](), 0
    with corpus.open("w", encoding="utf-8") as file:
        for line in _lines(text, size):
            counts.update(line)
            lines += 1
            file.write(f"{' '.join(line)}\n")
    kept = [(word, count) for word, count in counts.items() if count >= 5]
    kept.sort(key=lambda pair: (-pair[1], pair[0].encode()))
    entries = sorted([*kept, ("</s>", lines)], key=lambda pair: (-pair[1], pair[0].encode()))
    words = folder / "words.txt"
    words.write_text("".join(f"{word} {count}\n" for word, count in entries), "utf-8")
    arguments = ["--input", str(corpus), "--tokenizer", str(words), "--format", "lines"]
    assert build(["glove", *arguments, "--output", str(folder / "out"), "--dedup", "off"]) == 0
    return Case(folder=folder, tokens=_write_rows(folder), tools=tools)


def _lines(path: Path, size: int) -> Iterator[list[str]]:
    """Yields the words of lines of 1 to 10 sentences each, until they have so many bytes."""
    text = (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8").read()
    found = re.split(r"(?<=[.!?]) |\n", str(text))
    sentences = [words for each in found if (words := re.findall(r"[A-Za-z]+", each))]
    rng, written = np.random.Generator(np.random.PCG64(0)), 0
    while written < size:
        drawn = rng.integers(0, len(sentences), int(rng.integers(1, 11))).tolist()
        line = [word for number in drawn for word in sentences[number]]
        written += sum(map(len, line)) + len(line)
        yield line


def _write_rows(folder: Path) -> int:
    """Writes rows as lines and their words with counts; returns the number of words."""
    corpus = open_corpus(str(folder / "out"))
    vocabulary = json.loads(corpus.tokenizer_json)["model"]["vocab"]
    names, counts = sorted(vocabulary, key=vocabulary.__getitem__), Counter[int]()
    with (folder / "rows.txt").open("w", encoding="utf-8") as file:
        for entry in corpus.shards("train"):
            ids, offsets = read_row_words(corpus.folder, entry, len(names))
            counts.update(ids.tolist())
            for begin, end in zip(offsets.tolist(), offsets[1:].tolist(), strict=False):
                file.write(" ".join(names[number] for number in ids[begin:end]) + "\n")
    listed = sorted(counts.items())
    text = "".join(f"{names[number]} {count}\n" for number, count in listed)
    (folder / "vocab.txt").write_text(text, "utf-8")
    return sum(counts.values())


def commands(case: Case) -> Iterator[tuple[str, Sequence[str]]]:
    """Yields what to run, by name."""
    for name in STEPS:
        step = ["--step", name, "--folder", str(case.folder)]
        yield name, [sys.executable, "-m", "benchmarks.cooccurrences", *step]
    if case.tools is not None:
        rows, pairs = case.folder / "rows.txt", case.folder / "pairs.bin"
        options = f"-vocab-file {case.folder / 'vocab.txt'} -window-size 15 -verbose 0 -memory 4"
        temporary = case.folder / "overflow"
        count = f"{case.tools}/cooccur {options} -overflow-file {temporary} < {rows} > {pairs}"
        shuffle = f"{case.tools}/shuffle -verbose 0 -memory 4 -temp-file {temporary}"
        yield "cooccur", ["sh", "-c", count]
        yield "shuffle", ["sh", "-c", f"{shuffle} < {pairs} > {pairs}.shuffled"]


def compare(case: Case) -> str:
    """Compares our values with those of the others; returns how many there are, and the error."""
    counter = _counter(case.folder, case.folder / "ours")
    entries = [entry for entry in counter.entries(hashed=False) if entry is not None]
    found = [read_pairs(counter.output, entry) for entry in entries]
    columns = zip(*((each.words, each.contexts, each.values) for each in found), strict=True)
    ours = _sorted(*map(np.concatenate, columns))
    with np.load(case.folder / "sort" / "pairs.npz") as stored:
        high, low = np.divmod(stored["keys"], counter.words)
        sums = stored["sums"]
    same, both = high == low, high != low
    sums = np.where(same, 2 * sums, sums)
    mirrored = _sorted(
        *(np.append(a, b[both]) for a, b in ((high, low), (low, high), (sums, sums)))
    )
    lines = [f"{len(ours[0]):,} pairs; {_difference(ours, mirrored)} from sorting"]
    if case.tools is not None:
        stored = np.fromfile(case.folder / "pairs.bin", RECORD)
        # The first word of their list is the first id of ours that is a word.
        theirs = _sorted(stored["word"] + 2, stored["context"] + 2, stored["value"])
        lines.append(f"{_difference(ours, theirs)} from cooccur")
    return "; ".join(lines)


def _sorted(words: Array, contexts: Array, values: Array) -> tuple[Int64, Array]:
    keys = words.astype(np.int64) << 32 | contexts.astype(np.int64)
    order = np.argsort(keys)
    return keys[order], values[order]


def _difference(one: tuple[Int64, Array], other: tuple[Int64, Array]) -> str:
    if not np.array_equal(one[0], other[0]):
        return "OTHER PAIRS"
    return f"largest relative difference {np.abs(one[1] / other[1] - 1).max():.1e}"


def table(case: Case, measured: dict[str, list[Usage]]) -> str:
    """Returns a Markdown table."""
    lines = [
        "| what | CPU s | without start | words per CPU s | wall s | peak RSS MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, usages in measured.items():
        cpu, wall = (float(np.median([getattr(u, x) for u in usages])) for x in ("cpu", "wall"))
        own = float(np.median([float(u.output) for u in usages])) if name in STEPS else cpu
        peak = max(usage.peak_bytes for usage in usages) / 1e6
        rate = f"{case.tokens / own:,.0f}"
        lines.append(f"| {name} | {cpu:.2f} | {own:.2f} | {rate} | {wall:.2f} | {peak:,.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Runs the benchmark, or one step of it in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--size-mb", type=float, default=20)
    parser.add_argument("--tools", type=Path, help="folder of cooccur and shuffle")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only-ours", action="store_true", help="at sizes that a sort cannot hold")
    parser.add_argument("--step", choices=[*STEPS])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.step:
        output = options.folder / options.step
        counter = _counter(options.folder, output)
        warm(counter)
        began = time.process_time()
        STEPS[options.step](counter, options.folder, output)
        print(time.process_time() - began)
        return
    with tempfile.TemporaryDirectory() as folder:
        size = int(options.size_mb * 1e6)
        case = make_case(options.text, size, Path(folder), options.tools)
        measured: dict[str, list[Usage]] = {}
        for _ in range(options.repeat):
            for name, command in commands(case):
                if options.only_ours and name != "ours":
                    continue
                remove(case.folder / name)
                measured.setdefault(name, []).append(run_pinned(command, {0}))
        print(f"{options.size_mb:g} MB, {case.tokens:,} words in rows\n\n{table(case, measured)}\n")
        if not options.only_ours:
            print(compare(case))


def remove(folder: Path) -> None:
    """Deletes the result of a run before."""
    if folder.exists():
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
