"""GloVe: steps of AdaGrad are those of the paper, and a run goes from counts to vectors."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.checked_json import DamagedError
from tests.support.sample_builds import copy_of, corpus, shard_paths
from trainer.loader.open_corpus import open_local_corpus
from trainer.vectors.command import main
from trainer.vectors.glove_kernels import train_counts
from trainer.vectors.pair_shards import PairShards

Pair = tuple[int, int, float]


class Slow:
    """The model in plain Python: lists of vectors, and a step for each pair."""

    def __init__(self, vectors: Sequence[Any], rate: float, x_max: float, alpha: float) -> None:
        self.w, self.c = ([list(map(float, row)) for row in table] for table in vectors)
        self.ws, self.cs = ([[1.0] * len(row) for row in table] for table in vectors)
        self.b, self.d = [0.0] * len(self.w), [0.0] * len(self.w)
        self.bs, self.ds = [1.0] * len(self.w), [1.0] * len(self.w)
        self.rate, self.x_max, self.alpha = rate, x_max, alpha

    def step(self, i: int, j: int, x: float) -> float:
        product = sum(a * b for a, b in zip(self.w[i], self.c[j], strict=True))
        apart = product + self.b[i] + self.d[j] - math.log(x)
        weight = min((x / self.x_max) ** self.alpha, 1.0)
        of_word = [weight * apart * b for b in self.c[j]]
        of_context = [weight * apart * a for a in self.w[i]]
        for values, squares, gradient in (
            (self.w[i], self.ws[i], of_word),
            (self.c[j], self.cs[j], of_context),
        ):
            for k, each in enumerate(gradient):
                step = self.rate * max(-100.0, min(100.0, each))
                values[k] -= step / math.sqrt(squares[k])
                squares[k] += step * step
        step = self.rate * weight * apart
        for biases, squares, at in ((self.b, self.bs, i), (self.d, self.ds, j)):
            biases[at] -= step / math.sqrt(squares[at])
            squares[at] += step * step
        return 0.5 * weight * apart * apart


def both(
    pairs: Sequence[Pair], start: float, rate: float
) -> tuple[Slow, tuple[Any, Any], tuple[Any, Any], list[float], list[float]]:
    """Trains both on the same pairs, three words and four numbers each."""
    rng = np.random.Generator(np.random.PCG64(5))
    vectors = tuple(rng.uniform(-start, start, (3, 4)).astype(np.float32) for _ in range(2))
    slow = Slow(vectors, rate, 10.0, 0.75)
    loss = sum(slow.step(*pair) for pair in pairs)
    squares = tuple(np.ones((3, 4), np.float32) for _ in range(2))
    biases = tuple(np.zeros(3, np.float32) for _ in range(2))
    bias_squares = tuple(np.ones(3, np.float32) for _ in range(2))
    words, contexts, values = zip(*pairs, strict=True)
    columns = np.array(words, np.uint32), np.array(contexts, np.uint32), np.array(values)
    for column in columns:
        column.flags.writeable = False
    sums = np.zeros(2)
    law = (10.0, 0.75)
    step, clip = np.float32(rate), np.float32(100)
    train_counts(*columns, vectors, squares, biases, bias_squares, law, step, clip, sums)
    return slow, vectors, biases, [loss, len(pairs)], sums.tolist()


def test_an_epoch_is_that_of_plain_python() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    words, values = rng.integers(0, 3, (60, 2)).tolist(), rng.uniform(0.1, 30, 60).tolist()
    pairs = [(i, j, x) for (i, j), x in zip(words, values, strict=True)]
    slow, vectors, biases, wanted, found = both(pairs, 0.5, 0.05)
    np.testing.assert_allclose(vectors[0], slow.w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(vectors[1], slow.c, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(biases, [slow.b, slow.d], rtol=1e-4, atol=1e-6)
    assert found == pytest.approx(wanted, rel=1e-4)


def test_gradients_are_cut() -> None:
    """Vectors as long as these pull by far more than 100."""
    slow, vectors, _, _, _ = both([(0, 1, 5.0)], 300.0, 0.05)
    np.testing.assert_allclose(vectors[0], slow.w, rtol=1e-5)
    moved = np.abs(slow.ws[0])
    # A square of a step of 0.05 * 100.
    assert set(np.round(moved, 3).tolist()) == {26.0}


def run(folder: Path, output: Path, *options: str) -> int:
    arguments = ["--data", str(folder), "--output", str(output), "--dim", "16", *options]
    return main([*arguments, "--threads", "1", "--epochs", "3"])


def test_a_run_learns_and_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        assert run(corpus("glove"), tmp_path / name) == 0
    losses = [
        float(part.split()[1])
        for line in capsys.readouterr().err.splitlines()
        for part in line.split(" · ")
        if part.startswith("loss")
    ]
    assert losses[:3] == losses[3:] == sorted(losses[:3], reverse=True)
    one, other = (tmp_path / name / "vectors.npy" for name in ("one", "two"))
    assert one.read_bytes() == other.read_bytes()
    words = (tmp_path / "one" / "words.txt").read_text("utf-8").splitlines()
    vectors = np.load(one)
    assert vectors.shape == (len(words), 16)
    assert not set(words) & {"</s>", "<s>", "<unk>"}


def test_options_of_others_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(corpus("glove"), tmp_path / "run", "--window", "3") != 0
    assert "--window" in capsys.readouterr().err
    assert run(corpus("cbow"), tmp_path / "run", "--x-max", "10") != 0
    assert "--x-max" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_damaged_shard_of_pairs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of("glove", tmp_path / "out")
    path = shard_paths(folder, "cooccurrences")[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert run(folder, tmp_path / "run") != 0
    assert "its sha256 is not the manifest's" in capsys.readouterr().err
    path.write_bytes(b"nothing of Arrow")
    with pytest.raises(DamagedError, match="is damaged"):
        next(PairShards(open_local_corpus(str(folder))).pieces(0))


def test_shards_have_another_order_in_every_epoch() -> None:
    shards = PairShards(open_local_corpus(str(corpus("glove"))))
    shards._entries = shards.entries * 20
    orders = [shards.order(1, epoch) for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == list(range(20))
