"""Rows with all annotations, from text to models of several objectives, by the command line."""

from pathlib import Path

import pytest

from pipelines.cli import main as shardmill
from tests.support.sample_builds import SAMPLE, corpus, shard_paths, stored_rows
from tests.support.training_runs import assert_same, records, saved, tiny_config, train

Captured = pytest.CaptureFixture[str]
SMALL = ("--batch-tokens", "1024", "--steps", "20", "--save-every", "10", "--eval-every", "10")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with entities and phrases that `annotate` found before."""
    folder = tmp_path_factory.mktemp("annotated")
    names = folder / "names.tsv"
    names.write_text("板凳\tQ1\ndough\tQ2\nthe river\tQ3\n", "utf-8")
    notes = ["annotate", "--input", f"{SAMPLE}/*.txt", "--entities", str(names)]
    assert shardmill([*notes, "--output", str(folder / "notes")]) == 0
    tokenizer = corpus("annotated") / "tokenizer.json"
    arguments = ["build", "annotated", "--input", f"{SAMPLE}/*.txt", "--tokenizer", str(tokenizer)]
    sizes = ["--shards", "2", "--eval-fraction", "0.1", "--max-seq-length", "64"]
    output = ["--annotations", str(folder / "notes"), "--output", str(folder / "data")]
    assert shardmill([*arguments, *sizes, *output]) == 0
    return folder / "data"


def test_rows_are_clean_and_hold_what_is_known(data: Path, capsys: Captured) -> None:
    rows = [row for path in shard_paths(data) for row in stored_rows(path)]
    for row in rows:
        assert list(row) == [
            *("input_ids", "second_segment_start", "word_starts"),
            *("entity_spans", "phrase_spans", "sentence_starts"),
        ]
        assert row["second_segment_start"] == len(row["input_ids"])
        assert {*row["sentence_starts"]} <= {*row["word_starts"]}
    for name in ("entity_spans", "phrase_spans", "sentence_starts"):
        assert sum(len(row[name]) for row in rows) > 20
    assert shardmill(["verify", str(data), "--oracles"]) == 0
    assert "verification passed" in capsys.readouterr().out
    assert shardmill(["inspect", str(data), "--rows", "200"]) == 0
    shown = capsys.readouterr().out
    for part in ("no masks are stored", "entities (1) dough", "‖", "a sentence begins"):
        assert part in shown
    assert "masked" not in shown
    assert shardmill(["recipes", "annotated"]) == 0
    assert "sentence_starts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("objective", "parts"), [("bert-wwm", {"mlm"}), ("spanbert", {"mlm", "sbo"})]
)
def test_a_run_of_an_objective_goes_on_exactly(
    objective: str, parts: set[str], data: Path, tmp_path: Path, capsys: Captured
) -> None:
    model, options = tiny_config(tmp_path), (*SMALL, "--objective", objective)
    assert train(data, model, tmp_path / "straight", *options) == 0
    told = records(tmp_path / "straight")
    assert told[-1]["loss"] < told[0]["loss"]
    assert {name for name in told[-1] if name.startswith("loss_")} == {f"loss_{p}" for p in parts}
    half = tmp_path / "straight" / "checkpoints" / "step-00000010"
    again = tmp_path / "again"
    assert train(data, model, again, *options, "--resume", str(half)) == 0
    assert_same(saved(tmp_path / "straight"), saved(again))
    evaluations = [records(run, "eval") for run in (tmp_path / "straight", again)]
    assert evaluations[0][1]["loss"] == evaluations[1][-1]["loss"]
    capsys.readouterr()
    for other in (["--objective", "bert"], [*options[-2:], "--set", "corrupt.0.rewrite.random=0"]):
        assert train(data, model, again, *SMALL, *other) == 2
        assert f"objective '{objective}' there, '{other[1]}" in capsys.readouterr().err


def test_entities_and_phrases_are_masked_in_stages(data: Path, tmp_path: Path) -> None:
    options = ("--batch-tokens", "1024", "--steps", "2", "--objective", "ernie1")
    options = (*options, "--set", "corrupt.0.select.rate=0.3")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *options) == 0
    said = [note["message"] for note in records(tmp_path / "run", "note")]
    assert "only the masks of ernie1 are learned: rows of annotated do not tell nsp" in said[1]


@pytest.mark.parametrize(
    ("recipe", "options", "told"),
    [
        ("annotated", (), "rows of annotated have no masks; name an objective with --objective"),
        ("annotated", ("--objective", "barta"), "no recipe is called 'barta'; did you mean"),
        ("annotated", ("--set", "copies=2"), "--set copies=2 changes an --objective; name one"),
        ("annotated", ("--objective", "bert", "--set", "copies"), "--set takes PATH=VALUE, got"),
        ("bert", ("--objective", "spanbert"), "spanbert needs words (column word_starts), which"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(
    recipe: str, options: tuple[str, ...], told: str, tmp_path: Path, capsys: Captured
) -> None:
    assert train(corpus(recipe), tiny_config(tmp_path), tmp_path / "run", *options) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()
