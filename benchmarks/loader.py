"""Measures the trainer's data loader on one pinned core, a floor, and the usual alternative.

Every repeat is a separate process that measures the floor, all kinds of our batches and the
alternative, so that ratios compare measurements within a minute. Only real tokens are counted, not
padding. All files are read once before, so that none has to wait for the disk.
"""

import argparse
import functools
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from benchmarks.processes import run_pinned
from benchmarks.report import describe_machine
from benchmarks.span_corruption import SpanCorruption
from schemas.columns import IGNORED
from schemas.records import Array
from schemas.shards import as_dataset, open_shard
from trainer.loader.batch_shapes import LAYOUTS_OF
from trainer.loader.batches import COPIES, ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.permutation import permutation_mask
from transforms.arrays.ragged import range_indices
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus

FLOOR = "NumPy gather of the same ids, nothing else"
PEER = "`datasets`, the usual collator, `DataLoader`"
WITH_MASKS = "ours, lanes, cycle, and the masks of the orders"
AIM = "20 Mtok/s a core or more, better 40; less than 1 s to the middle of an epoch"

Measured = Mapping[str, Mapping[str, float]]
"""The result of one repeat: "Mtok/s" and "seconds", each by the name of the measurement."""


def kind_of(layout: str, copies: str) -> str:
    """Returns the name of a kind of batches."""
    return f"ours, {layout}, {copies}"


def measure(folder: Path, batch_tokens: int, max_mtok: float, peer_max_mtok: float) -> Measured:
    """Measures everything once.

    Args:
      folder: Output of a finished build.
      batch_tokens: Tokens per batch.
      max_mtok: Maximum tokens to read for each kind, 10^6; at most an epoch is read.
      peer_max_mtok: The same for the usual alternative, which is slow.
    """
    corpus = open_local_corpus(folder)
    paths = [folder / entry.path for entry in corpus.shards("train")]
    layouts = LAYOUTS_OF[corpus.recipe.attention]

    def open_loader(layout: str = layouts[0], copies: str = "cycle", **more: Any) -> ArrowBatches:
        return ArrowBatches(corpus, batch_tokens=batch_tokens, layout=layout, copies=copies, **more)

    checked, _ = _timed(open_loader)
    opened, loader = _timed(lambda: open_loader(checksums=False))
    seconds = {
        "open, files held to their sha256": checked,
        "open, files held to their sizes": opened,
        "go to the middle of an epoch and take a batch": _seek(loader),
    }
    batches = _rows_of_batches(open_loader(checksums=False), max_mtok)
    rates = {FLOOR: _rate(lambda: _gather(paths, len(batches[0]), max_mtok))}
    for layout, copies in itertools.product(
        layouts, COPIES if corpus.recipe.stores_copies else COPIES[:1]
    ):
        # Machine code is loaded, or made, with the first batch of a process.
        kind, first = kind_of(layout, copies), open_loader(layout, copies, checksums=False)
        seconds[f"the first batch: {kind}"] = _timed(functools.partial(next, iter(first)))[0]
        loader = open_loader(layout, copies, checksums=False)
        rates[kind] = _rate(functools.partial(_read, loader, max_mtok))
    if corpus.recipe.attention == "two_stream":
        loader = open_loader("lanes", checksums=False)
        rates[WITH_MASKS] = _rate(functools.partial(_read, loader, max_mtok, masks=True))
    rates[PEER] = _rate(_peer(corpus, paths, batches, loader.lengths, peer_max_mtok))
    return {"Mtok/s": rates, "seconds": seconds}


def _timed(step: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = step()
    return time.perf_counter() - began, found


def _rate(step: Callable[[], int]) -> float:
    """Returns 10^6 tokens per second of a step that returns the number of tokens it read."""
    seconds, tokens = _timed(step)
    return tokens / 1e6 / seconds


def _read(loader: ArrowBatches, max_mtok: float, *, masks: bool = False) -> int:
    """Makes batches, including the shuffle of the epoch; returns the number of tokens.

    With `masks`, also those of factorization orders, which say what each token sees.
    """
    tokens, reuse_len = 0, loader.corpus.recipe.rules.reuse_len
    for batch in loader:
        if masks:
            permutation_mask(batch["ranks"], batch["special_tokens_mask"], reuse_len)
        tokens += int(batch["num_tokens"])
        if tokens >= max_mtok * 1e6:
            break
    return tokens


def _seek(loader: ArrowBatches) -> float:
    """Returns the seconds until a resumed run has its first batch."""
    state = loader.state_dict()
    middle = {**state, "epoch": 1, "batch": len(loader) // 2}

    def go() -> None:
        loader.load_state_dict(middle)
        next(iter(loader))

    return _timed(go)[0]


def _rows_of_batches(loader: ArrowBatches, max_mtok: float) -> list[Array]:
    """Returns the rows of the first batches."""
    found, tokens = [], 0
    for batch in loader:
        rows = batch["row_ids"].numpy()
        found.append(rows[rows >= 0])
        tokens += int(batch["num_tokens"])
        if tokens >= max_mtok * 1e6:
            break
    return found


def _gather(paths: Sequence[Path], rows_a_batch: int, max_mtok: float) -> int:
    """Copies the ids of the rows of each record batch in random order; returns the tokens."""
    tokens = 0
    for number, batch in enumerate(_record_batches(paths)):
        column = batch.column("input_ids")
        offsets, values = column.offsets.to_numpy(), column.values.to_numpy()
        starts, lengths = offsets[:-1], np.diff(offsets)
        order = rng_for(0, "floor", number).permutation(batch.num_rows)
        for begin in range(0, len(order), rows_a_batch):
            rows = order[begin : begin + rows_a_batch]
            tokens += len(values[range_indices(starts[rows], lengths[rows])])
        if tokens >= max_mtok * 1e6:
            break
    return tokens


def _record_batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from open_shard(path).to_batches()


def _peer(
    corpus: Corpus,
    paths: Sequence[Path],
    batches: Sequence[Array],
    lengths: Array,
    max_mtok: float,
) -> Callable[[], int]:
    """Returns what makes the usual batches of the rows of our first batches, in the same order."""
    # These imports take seconds, and the process that writes the report does not need them.
    from torch.utils.data import DataLoader

    sums = np.cumsum([lengths[rows].sum() for rows in batches])
    rows = np.concatenate(batches[: int(np.searchsorted(sums, max_mtok * 1e6)) + 1])
    dataset: Any = as_dataset(paths).select_columns(["input_ids"]).select(rows)
    size = statistics.mode(map(len, batches))
    loader = DataLoader(dataset, batch_size=size, collate_fn=_collator(corpus))

    def read() -> int:
        return sum(map(_tokens, loader))

    return read


def _collator(corpus: Corpus) -> Any:
    """Returns the usual collator for rows with the attention of a corpus."""
    import transformers

    from benchmarks.peers import load_fast_tokenizer

    vocabulary = corpus.vocabulary
    if corpus.recipe.denoise is not None:
        # Without sentinels, as BART's tokenizer has none, any ids do.
        sentinels = vocabulary.sentinels or tuple(range(1000))
        return SpanCorruption(sentinels, vocabulary.sep, vocabulary.roles["pad"])
    name, options = {
        "bidirectional": ("DataCollatorForLanguageModeling", {}),
        "structured": ("DataCollatorForLanguageModeling", {}),
        "causal": ("DataCollatorForLanguageModeling", {"mlm": False}),
        "two_stream": ("DataCollatorForPermutationLanguageModeling", {}),
    }[corpus.recipe.attention]
    tokenizer = load_fast_tokenizer(Path(corpus.folder, "tokenizer.json"))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    return getattr(transformers, name)(tokenizer=tokenizer, **options)


def _tokens(batch: Mapping[str, Any]) -> int:
    """Returns the tokens of a batch, those of sources and targets if it has both."""
    ids = batch["input_ids"]
    attended = batch.get("attention_mask", torch.ones_like(ids))
    targets = batch["labels"] != IGNORED if "decoder_input_ids" in batch else torch.zeros(())
    return int(attended.sum()) + int(targets.sum())


def report(title: str, repeats: Sequence[Measured]) -> str:
    """Returns a section of Markdown: medians, and ratios taken within each repeat."""
    rates = [found["Mtok/s"] for found in repeats]
    lines = [f"### {title}", "", _line("one core", "Mtok/s", "x the floor", "x the usual path")]
    lines.append(_line("---", "---:", "---:", "---:"))
    for step in rates[0]:
        ratios = (statistics.median(each[step] / each[base] for each in rates) for base in BASES)
        cells = (f"{ratio:.3g}" for ratio in ratios)
        lines.append(_line(step, f"{statistics.median(each[step] for each in rates):.3g}", *cells))
    lines += ["", _line("once", "seconds"), _line("---", "---:")]
    for step in repeats[0]["seconds"]:
        seconds = statistics.median(found["seconds"][step] for found in repeats)
        lines.append(_line(step, f"{seconds:.3f}"))
    return "\n".join([*lines, "", f"* Aim: {AIM}.", ""])


BASES = (FLOOR, PEER)
"""The measurements that all others are compared with."""


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a finished build")
    parser.add_argument("--batch-tokens", type=int, default=65_536, metavar="N", help="(65536)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="(3)")
    parser.add_argument("--cpu", type=int, metavar="N", help="the core (the last)")
    parser.add_argument(
        "--mtok", type=float, default=40.0, metavar="N", help="most tokens to read, 10^6 (40)"
    )
    parser.add_argument(
        "--peer-mtok", type=float, default=4.0, metavar="N", help="the same of the usual path (4)"
    )
    parser.add_argument("--once", action="store_true", help="measure here and print JSON")
    given = parser.parse_args(argv)
    cores = os.sched_getaffinity(0)
    if given.cpu is not None and given.cpu not in cores:
        parser.error(f"--cpu must be one of {sorted(cores)}, got {given.cpu}")
    if given.repeat < 1:
        parser.error(f"--repeat must be at least 1, got {given.repeat}")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints Markdown; returns the exit status."""
    given = parse_options(argv)
    if given.once:
        torch.set_num_threads(1)
        found = measure(given.data, given.batch_tokens, given.mtok, given.peer_mtok)
        print(json.dumps(found))
        return 0
    core = max(os.sched_getaffinity(0)) if given.cpu is None else given.cpu
    command = [sys.executable, "-m", "benchmarks.loader", "--once"]
    command += ["--data", str(given.data.resolve()), "--batch-tokens", str(given.batch_tokens)]
    command += ["--mtok", f"{given.mtok:g}", "--peer-mtok", f"{given.peer_mtok:g}"]
    repeats = []
    for repeat in range(given.repeat):
        print(f"repeat {repeat + 1} of {given.repeat}", file=sys.stderr, flush=True)
        repeats.append(json.loads(run_pinned(command, [core]).output.splitlines()[-1]))
    recipe = open_local_corpus(given.data).recipe
    title = f"`{recipe.name}`, L {recipe.max_seq_length}, batches of {given.batch_tokens} tokens"
    print(report(title, repeats))
    print(describe_machine([core]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
