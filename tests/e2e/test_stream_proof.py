"""A writer, a driver and a trainer side by side, the last two killed again and again.

In the end the windows and the weights are those of an undisturbed replay of the same plans.
SHARDMILL_PROOF_SECONDS=120 is the whole proof, with five kills of each; by default it is shorter.
"""

import hashlib
import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pipelines.follow import main as follow_main
from schemas.sealed import open_sealed
from schemas.stream import INDEX, PLANS, SECTIONS, STREAM, StreamIndex
from tests.support.forked import Forked
from tests.support.training_runs import (
    assert_same,
    records,
    saved,
    start,
    tiny_config,
)
from transforms.arrays.randomness import rng_for

SECONDS = float(os.environ.get("SHARDMILL_PROOF_SECONDS", "12"))
KILLS = 5 if SECONDS >= 60 else 2
WRITES_A_SECOND = 2 if KILLS == 2 else 1
TRAIN = ("--follow", "--mix-windows", "2", "--schedule", "constant", "--warmup", "0")
SMALL = (
    "--batch-tokens",
    "1024",
    "--save-every",
    "7",
    "--eval-every",
    "100000",
)


def texts(sample: Path, rng: np.random.Generator) -> Iterator[str]:
    """Yields documents of a few lines of the sample; about every tenth was there before."""
    files = sorted(sample.glob("*.txt"))
    lines = [line for path in files for line in path.read_text("utf-8").splitlines() if line]
    made: list[str] = []
    for number in itertools.count():
        if made and rng.random() < 0.1:
            yield made[int(rng.integers(len(made)))]
        else:
            chosen = rng.integers(len(lines), size=int(rng.integers(3, 12)))
            made.append("\n".join([f"Document {number}.", *(lines[n] for n in chosen)]))
            yield made[-1]


class Inbox:
    """Puts files of random size, by renaming."""

    def __init__(self, folder: Path, sample: Path) -> None:
        self.folder = folder
        self.documents: set[str] = set()
        self._rng = rng_for(7, "writer")
        self._texts = texts(sample, self._rng)
        self._files = itertools.count()
        folder.mkdir()

    def put(self) -> None:
        """Puts the next file."""
        found = list(itertools.islice(self._texts, int(self._rng.integers(1, 16))))
        self.documents.update(found)
        part = self.folder / ".part"
        part.write_text("".join(json.dumps({"text": text}) + "\n" for text in found), "utf-8")
        part.rename(self.folder / f"{next(self._files):06d}.jsonl")


class Killed:
    """A program that is killed now and then, and started again."""

    def __init__(self, begin: Callable[[], Forked]) -> None:
        self._begin = begin
        self.run = begin()
        self.kills = 0

    def kill(self) -> None:
        """Kills the program, wherever it is, and starts it again."""
        self.run.send(signal.SIGKILL)
        assert self.run.ended(30) == -signal.SIGKILL, self.run.written()
        self.kills += 1
        self.run = self._begin()

    def stop(self) -> None:
        """Ends the program as a user would."""
        self.run.send(signal.SIGTERM)
        assert self.run.ended(60) in {143, -signal.SIGTERM}, self.run.written()


def digests(stream: Path) -> dict[str, str]:
    """Returns the sha256 of all files of windows, keys and held documents."""
    paths = [path for name in ("windows", "keys", "held") for path in (stream / name).rglob("*")]
    return {
        str(path.relative_to(stream)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }


def moments(name: str, count: int) -> list[float]:
    """Returns random times in the run, in seconds since its beginning."""
    return sorted(rng_for(11, name).uniform(0.1 * SECONDS, SECONDS, count).tolist())


def test_killed_again_and_again_it_ends_as_an_undisturbed_replay(
    sample: Path, tokenizer: Path, tmp_path: Path
) -> None:
    stream, inbox = tmp_path / "stream", Inbox(tmp_path / "in", sample)
    model = tiny_config(tmp_path)

    def follow(output: Path, *options: str) -> Forked:
        given = ["roberta", "--watch", str(inbox.folder / "*.jsonl"), "--output", str(output)]
        given += ["--tokenizer", str(tokenizer), "--shards", "2", "--max-seq-length", "128"]
        return Forked(follow_main, [*given, "--settle", "0", "--every", "0.2", *options])

    def train(data: Path, run: str, *options: str) -> Forked:
        return start(data, model, tmp_path / run, *TRAIN, *SMALL, *options)

    driver = Killed(lambda: follow(stream))
    driver.run.wait_for((stream / STREAM).exists)
    learner = Killed(lambda: train(stream, "run"))
    events = [(at, inbox.put) for at in moments("files", int(SECONDS * WRITES_A_SECOND))]
    events += [(at, driver.kill) for at in moments("driver", KILLS)]
    events += [(at, learner.kill) for at in moments("trainer", KILLS)]
    began = time.monotonic()
    for at, happen in sorted(events, key=lambda event: event[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        happen()
    assert (driver.kills, learner.kills) == (KILLS, KILLS)
    driver.stop()
    learner.stop()
    last_look = follow(stream, "--once")
    assert last_look.ended() == 0, last_look.written()

    windows = open_sealed((stream / INDEX).read_bytes(), StreamIndex, INDEX).windows
    rows = sum(window.splits["train"].rows for window in windows)
    assert len(windows) > 1
    assert rows
    until = ("--until-window", str(len(windows) - 1))
    rest = train(stream, "run", *until)
    assert rest.ended(1200) == 0, rest.written()

    replay = tmp_path / "replay"
    replay.mkdir()
    shutil.copy(stream / STREAM, replay)
    for name in (SECTIONS, PLANS):
        shutil.copytree(stream / name, replay / name)
    undisturbed = follow(replay, "--once")
    assert undisturbed.ended(1200) == 0, undisturbed.written()
    assert digests(replay) == digests(stream)
    assert (replay / INDEX).read_bytes() == (stream / INDEX).read_bytes()
    straight = train(replay, "straight", *until)
    assert straight.ended(1200) == 0, straight.written()
    assert_same(saved(tmp_path / "straight"), saved(tmp_path / "run"))
    losses = [
        {r["step"]: r["loss"] for r in records(tmp_path / name)} for name in ("run", "straight")
    ]
    assert losses[0] == losses[1]
    assert losses[0]
