"""A run on this machine: what it writes down of reading, and what is told of its end."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines.running.jobs import Alone, Job, WorkerDiedError
from pipelines.running.local_runner import LocalRun, LocalRunner
from pipelines.running.work import Work
from schemas.errors import RunError
from transforms.build.build_shards import BuildError, Built, ShardWriter
from transforms.files.inputs import plan_ranges
from transforms.read.input_files import match_inputs
from transforms.read.read_documents import RangeReader
from transforms.read.shard_documents import unpack_documents
from transforms.records.shard_text import ShardPlan

PLAN = ShardPlan(train=3, eval=0, eval_below=0)


@dataclasses.dataclass(frozen=True)
class Builder:
    """Stands for a recipe."""

    output: str
    plan: ShardPlan = PLAN
    owner: str = ""


def build(builders: Sequence[Any], number: int, packed: Iterable[bytes]) -> Built:
    """Writes the documents of a shard as JSON; the shard 1 cannot be built."""
    if number == 1:
        raise BuildError("there is no shard 1")
    batches = [batch for each in packed for batch in unpack_documents(each)]
    texts = [text.decode() for batch in batches for text in batch.column("text").to_pylist()]
    for builder in builders:
        Path(builder.output, f"{number}.json").write_text(json.dumps(sorted(texts)))
    return iter(())


@pytest.fixture
def work(tmp_path: Path) -> Work:
    text, out = tmp_path / "a.txt", tmp_path / "out"
    text.write_bytes(b"one\n\ntwo\n\nbad \xff\n\nthree\n\nfour\n\nfive")
    out.mkdir()
    return Work(
        ranges=plan_ranges(match_inputs([str(text)]), 9),
        reader=RangeReader(),
        text_bytes=40,
        shards=PLAN,
        writer=ShardWriter(
            builders=[Builder(str(out))], missing=[frozenset({0, 1, 2})], build=build
        ),
        output=str(out),
        owner="",
        record=True,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_reads_records_and_builds(work: Work, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "out"
    with LocalRunner(workers=workers).started([work.output]) as run:
        run.run(work, str(tmp_path / "error.txt"))
    built = {path.name: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert built.keys() == {"0.json", "2.json"}
    assert {*built["0.json"], *built["2.json"]} < {"one", "two", "three", "four", "five"}
    [rejected] = out.glob("rejected/*.jsonl")
    assert json.loads(rejected.read_text())["reason"] == "invalid_utf8"
    counts = json.loads((out / ".shardmill" / "reading.json").read_text())
    assert '"documents": 5' in json.dumps(counts)
    assert '"rejected.invalid_utf8": 1' in json.dumps(counts)
    failed = out / ".shardmill" / "train-shard-00001-of-00003.json.failed"
    assert failed.read_text() == "there is no shard 1"
    assert not list(out.rglob("shardmill-spill-*"))
    assert not (tmp_path / "error.txt").exists()


def test_text_is_spilled_to_the_folder_that_is_named(work: Work, tmp_path: Path) -> None:
    class Looking(Alone):
        def run(self, job: Job, tasks: Iterable[Any]) -> Iterator[Any]:
            yield from super().run(job, tasks)
            [folder] = (tmp_path / "spill").iterdir()
            assert {path.suffix for path in folder.glob("0*")} == {".chunks", ".index", ".rejected"}

    LocalRun(team=Looking(), temp_dir=str(tmp_path / "spill")).run(work, "")
    assert not (tmp_path / "spill").exists()


def test_a_file_that_cannot_be_read_ends_the_run(work: Work, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    trace = tmp_path / "error.txt"
    told = rf"^the pipeline failed: .*a.txt ends at byte 3, .* \(the trace is in {trace}\)$"
    with pytest.raises(RunError, match=told):
        LocalRun(team=Alone(), temp_dir=None).run(work, str(trace))
    assert "ReadError" in trace.read_text()
    assert not list((tmp_path / "out").rglob("shardmill-spill-*"))


def test_the_last_words_of_a_worker_are_kept(work: Work, tmp_path: Path) -> None:
    class Dying:
        def run(self, job: Job, tasks: Iterable[Any]) -> Iterator[Any]:
            raise WorkerDiedError("a worker process ended", "its last words")

    trace = tmp_path / "error.txt"
    told = r"^a worker process ended; run the same command again to resume \(the trace is in "
    with pytest.raises(RunError, match=told):
        LocalRun(team=Dying(), temp_dir=None).run(work, str(trace))
    assert trace.read_text() == "its last words"
