"""Pairs of a whole build are counted exactly, the same everywhere, and survive interruption."""

import functools
import hashlib
import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.build import main as build
from pipelines.exporting.command import main as export
from pipelines.inspect import main as inspect
from pipelines.verify import main as verify
from pipelines.verify_build import verify_all
from schemas.manifest_file import seal
from tests.oracles.co_occurrences import Counts, count_slowly
from tests.support.forked import Forked
from tests.support.killed_builds import kill_at_name
from tests.support.sample_builds import (
    build_into,
    copy_of,
    corpus,
    few_documents,
    manifest_of,
    shard_paths,
    stored_rows,
    tokenizer_file,
)
from transforms.counting.pair_counter import PairCounter

Digests = Callable[[Path], dict[str, str]]


def pairs_of(folder: Path) -> list[dict[str, Any]]:
    paths = shard_paths(folder, "cooccurrences")
    return [pair for path in paths for pair in stored_rows(path)]


def counted_slowly(folder: Path) -> Counts:
    rows = [row["input_ids"] for path in shard_paths(folder) for row in stored_rows(path)]
    return count_slowly(rows, 15, symmetric=True)


def runs_of(folder: Path) -> list[Path]:
    return sorted((folder / "cooccurrences").glob("run-*"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "out"
    build_into(folder, "glove", str(few_documents()))
    return folder


def test_values_are_those_of_the_training_rows(small: Path) -> None:
    wanted = counted_slowly(small)
    found = {(pair["word"], pair["context"]): pair["value"] for pair in pairs_of(small)}
    # A quotient of whole numbers, rounded once.
    assert found == {pair: float(value) for pair, value in wanted.items()}
    record = manifest_of(small)["cooccurrences"]
    assert (record["window"], record["symmetric"]) == (15, True)
    assert record["records"] == len(wanted) == len(pairs_of(small))
    assert not runs_of(small)
    assert any(stored_rows(path) for path in shard_paths(small, "eval"))


def test_others_have_no_counts() -> None:
    assert "cooccurrences" not in manifest_of(corpus("cbow"))


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("options", [["--workers", "2"], ["--runner=FnApiRunner"]])
def test_runner_and_workers_do_not_matter(
    small: Path, digests: Digests, tmp_path: Path, options: list[str]
) -> None:
    assert _build(tmp_path / "out", *options) == 0
    assert digests(tmp_path / "out") == digests(small)


def _build(folder: Path, *options: str, recipe: str = "glove") -> int:
    return build([*_arguments(folder, recipe), *options])


def _arguments(folder: Path, recipe: str = "glove") -> list[str]:
    words = str(tokenizer_file("words"))
    arguments = [recipe, "--input", str(few_documents()), "--tokenizer", words]
    return [*arguments, "--output", str(folder), "--shards", "2", "--eval-fraction", "0.1"]


def fail_to_add_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds until all runs are there, and no more."""

    def fail(counter: PairCounter, part: int) -> str:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(PairCounter, "add_up", fail)
        assert _build(folder) != 0
    assert len(runs_of(folder)) == 2
    assert not (folder / "manifest.json").exists()
    assert not shard_paths(folder, "cooccurrences")


def test_runs_are_kept(
    small: Path, digests: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    fail_to_add_up(out, monkeypatch)
    monkeypatch.setattr(PairCounter, "count", None)
    assert _build(out) == 0
    assert digests(out) == digests(small)
    assert not runs_of(out)
    assert not (out / ".shardmill").exists()


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_run_is_counted_again(
    small: Path, digests: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    out = tmp_path / "out"
    fail_to_add_up(out, monkeypatch)
    run = runs_of(out)[0]
    content = bytearray(run.read_bytes())
    content[5] ^= 1
    run.write_bytes(content[:-20] if damage == "cut" else content)
    if damage == "gone":
        run.unlink()
    counted: list[int] = []
    really = PairCounter.count
    monkeypatch.setattr(
        PairCounter, "count", lambda self, number: counted.append(number) or really(self, number)
    )
    assert _build(out) == 0
    assert counted == [0]
    assert digests(out) == digests(small)


def test_a_plan_says_what_room_pairs_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _build(tmp_path / "out", "--dry-run") == 0
    assert "pairs    1 shard of pairs of words, about" in capsys.readouterr().out
    assert _build(tmp_path / "out", "--dry-run", recipe="cbow") == 0
    assert "pairs of words" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("run-00001", False),
        ("run-00001", True),
        ("cooccurrences/shard-", True),
        ("report.html", False),
    ],
)
def test_a_build_that_is_killed_goes_on(
    small: Path, digests: Digests, tmp_path: Path, name: str, named: bool
) -> None:
    out = tmp_path / "out"
    first = functools.partial(kill_at_name, name, named=named)
    assert Forked(build, _arguments(out), first=first).ended() == -signal.SIGKILL
    assert not (out / "manifest.json").exists()
    assert _build(out) == 0
    assert digests(out) == digests(small)
    assert {path.name for path in out.iterdir()} == {path.name for path in small.iterdir()}
    assert not runs_of(out)


def test_another_build_takes_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _build(out) == 0
    assert _build(out, recipe="cbow") != 0
    assert shard_paths(out, "cooccurrences")
    assert _build(out, "--overwrite", recipe="cbow") == 0
    assert not (out / "cooccurrences").exists()
    assert _build(out, "--overwrite") == 0
    assert shard_paths(out, "cooccurrences")


def test_a_single_document(tmp_path: Path) -> None:
    text = tmp_path / "one.txt"
    text.write_text("the river and the river\n", "utf-8")
    out = tmp_path / "out"
    arguments = ["glove", "--input", str(text), "--tokenizer", str(tokenizer_file("words"))]
    assert build([*arguments, "--output", str(out)]) == 0
    rows = [row["input_ids"] for path in shard_paths(out) for row in stored_rows(path)]
    found = {(each["word"], each["context"]): each["value"] for each in pairs_of(out)}
    the, river = rows[0][0], rows[0][1]
    assert found[the, the] == found[river, river] == pytest.approx(2 / 3)
    assert found[the, river] == found[river, the] == pytest.approx(1 + 1 / 4 + 1 / 2 + 1)


def test_rows_of_one_word_have_no_pairs(tmp_path: Path) -> None:
    text = tmp_path / "words.txt"
    text.write_text("the\nriver\n", "utf-8")
    out = tmp_path / "out"
    arguments = ["glove", "--input", str(text), "--tokenizer", str(tokenizer_file("words"))]
    assert build([*arguments, "--output", str(out)]) == 0
    assert manifest_of(out)["cooccurrences"]["records"] == 0
    verdict, _ = verify_all(str(out), replay=True)
    assert not verdict.problems


def change_pairs(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Changes pairs, and the manifest so that only they can tell."""
    path = shard_paths(folder, "cooccurrences")[0]
    with pa.ipc.open_file(str(path)) as file:
        schema, pairs = file.schema, file.read_all().to_pylist()
    change(pairs)
    with pa.ipc.new_file(str(path), schema) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist(pairs, schema=schema))
    manifest = manifest_of(folder)
    record, content = manifest["cooccurrences"], path.read_bytes()
    record["shards"][0] |= {
        "records": len(pairs),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    record["records"] = sum(shard["records"] for shard in record["shards"])
    (folder / "manifest.json").write_text(seal(manifest), "utf-8")


def a_pair(pairs: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a pair of different words, and its reverse."""
    one = next(pair for pair in pairs if pair["word"] != pair["context"])
    other = {"word": one["context"], "context": one["word"], "value": one["value"]}
    return one, pairs[pairs.index(other)]


def both_larger(pairs: list[dict[str, Any]]) -> None:
    for pair in a_pair(pairs):
        pair["value"] += 1.0


def both_moved(pairs: list[dict[str, Any]]) -> None:
    """Moves weight to another pair, so that the sum is the same."""
    first, second = (pairs[number : number + 1][0] for number in (0, 1))
    for pair, more in ((first, 1.0), (second, -1.0)):
        mates = [pair, *(m for m in pairs if (m["context"], m["word"]) == tuple(pair.values())[:2])]
        for each in {id(mate): mate for mate in mates}.values():
            each["value"] += more / 360360


def not_a_sum(pairs: list[dict[str, Any]]) -> None:
    for pair in a_pair(pairs):
        pair["value"] += 1e-9


def one_larger(pairs: list[dict[str, Any]]) -> None:
    a_pair(pairs)[0]["value"] += 1.0


def no_number(pairs: list[dict[str, Any]]) -> None:
    a_pair(pairs)[0]["value"] = math.nan


def twice(pairs: list[dict[str, Any]]) -> None:
    pairs.insert(1, pairs[0])


def special(pairs: list[dict[str, Any]]) -> None:
    pairs[0]["word"] = 0


CHANGES = {
    both_larger: ("statistics", "the values add up to"),
    one_larger: ("invariants", "another value than its reverse"),
    not_a_sum: ("invariants", "no sum of 1 / distance"),
    no_number: ("invariants", "no sum of 1 / distance, in 1 record"),
    twice: ("invariants", "there twice, or out of its order"),
    special: ("invariants", "a special token is counted"),
    both_moved: ("replay", "the rows have other pairs, or other values"),
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_verify_finds_changed_pairs(
    change: Callable[[list[dict[str, Any]]], None], tmp_path: Path
) -> None:
    folder = copy_of("glove", tmp_path / "out")
    change_pairs(folder, change)
    verdict, _ = verify_all(str(folder), replay=True)
    check, words = CHANGES[change]
    assert [each for each in verdict.problems if each.check == check and words in each.sentence]


def test_verify_finds_other_shards_of_pairs(tmp_path: Path) -> None:
    folder = copy_of("glove", tmp_path / "out")
    path = shard_paths(folder, "cooccurrences")[0]
    path.with_name("shard-00007-of-00009.arrow").write_bytes(path.read_bytes())
    path.write_bytes(path.read_bytes()[:-8])
    verdict, _ = verify_all(str(folder), replay=True)
    assert {"files", "checksums"} <= {each.check for each in verdict.problems}


def test_pairs_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The first line of the table is the pair that counts most, once of its two orders."""
    folder = corpus("glove")
    assert inspect([str(folder), "--rows", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(number for number, line in enumerate(lines) if "pairs of words at most" in line)
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    shown = [line.split() for line in lines[begin + 2 :] if line.strip()]
    ranked = sorted((pair["value"] for pair in pairs_of(folder)), reverse=True)
    assert [row[2] for row in shown[:1]] == [f"{ranked[0]:,.2f}"]
    values = {(pair["word"], pair["context"]): pair["value"] for pair in pairs_of(folder)}
    for word, context, value in shown:
        assert f"{values[vocabulary[word], vocabulary[context]]:,.2f}" == value
    assert len({frozenset(row[:2]) for row in shown}) == len(shown) == 20
    page = (folder / "report.html").read_text("utf-8")
    assert f"<td>{shown[0][0]}</td><td>{shown[0][1]}</td>" in page


def test_pairs_are_exported_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = corpus("glove"), tmp_path / "exported"
    assert export([str(folder), "--to", "parquet", "--output", str(out)]) == 0
    [path] = (out / "cooccurrences").glob("*")
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    found = pq.read_table(path).to_pylist()
    for row in found:
        row |= {name: vocabulary[row[name]] for name in ("word", "context")}
    assert found == pairs_of(folder)
    assert verify([str(out)]) == 0
    path.with_name("shard-00001-of-00002.parquet").write_bytes(path.read_bytes())
    assert verify([str(out)]) == 1
    capsys.readouterr()
    assert export([str(folder), "--to", "parquet", "--split", "eval", "--output", f"{out}-2"]) == 0
    assert not (tmp_path / "exported-2" / "cooccurrences").exists()
