"""`shardmill distil`, on a model whose weights were drawn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from safetensors.torch import load_file

from pipelines.cli import main
from tests.support.classifiers import (
    classifier,
    records,
    save_classifier,
    saved_classifier,
)
from tests.support.labelled_builds import build_records, labelled, records_of, write_jsonl
from tests.support.sample_builds import corpus
from tests.support.training_runs import assert_same, saved
from tests.support.training_runs import records as logged
from trainer.distil_options import parse_distil_options
from trainer.exits.saved import load_exits

OPTIONS = ("--device", "cpu", "--exit-width", "16", "--log-every", "1")


def distil(data: Path, model: Path, output: Path, *options: str) -> int:
    given = ["--data", data, "--model", model, "--output", output, *OPTIONS, *options]
    return main(["distil", *map(str, given)])


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of texts without labels."""
    folder = tmp_path_factory.mktemp("unlabelled")
    texts = [{"text": each["text"]} for each in records_of("classify", 80)]
    file = write_jsonl(folder / "texts.jsonl", texts)
    options = ["--fields", "text", "--unlabelled", "--shards", "1", "--max-seq-length", "32"]
    return build_records(folder / "build", "classify", [file], *options)


@pytest.fixture(scope="module")
def run(unlabelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight steps on it."""
    output = tmp_path_factory.mktemp("distilled") / "run"
    options = ["--steps", "8", "--save-every", "4", "--eval-every", "4", "--batch-rows", "16"]
    learn = ["--lr", "1e-2", "--schedule", "constant", "--warmup", "0"]
    assert distil(unlabelled, saved_classifier(), output, *options, *learn) == 0
    return output


def test_the_model_is_saved_as_it_was_bit_by_bit(run: Path) -> None:
    before, after = saved_classifier(), run / "latest" / "hf"
    assert_same(load_file(before / "model.safetensors"), load_file(after / "model.safetensors"))
    configs = [json.loads((each / "config.json").read_text("utf-8")) for each in (before, after)]
    assert configs[0] == configs[1]
    for name in ("tokenizer.json", "tokenizer_config.json"):
        texts = [json.loads((folder / name).read_text("utf-8")) for folder in (before, after)]
        texts[1]["model_max_length"] = texts[0].get("model_max_length")
        assert texts[0].items() <= texts[1].items()
    hf = transformers.AutoModelForSequenceClassification.from_pretrained(after)
    assert hf.config.id2label == {0: "negative", 1: "positive"}


def test_students_learn_from_text_without_labels(run: Path) -> None:
    """Every loss falls, and the log has the loss and the agreement of every exit."""
    steps = logged(run)
    for exit_number in (1, 2, 3):
        losses = [step[f"loss_exit_{exit_number}"] for step in steps]
        assert np.mean(losses[-2:]) < np.mean(losses[:2])
    for each in logged(run, "eval"):
        parts = [each[f"loss_exit_{number}"] for number in (1, 2, 3)]
        assert each["loss"] == pytest.approx(sum(parts))
        shares = [each[f"accuracy_exit_{number}"] for number in (1, 2, 3)]
        assert each["agreement"] == pytest.approx(np.mean(shares))
        assert each["count_exit_1"] > 0


def test_exits_are_saved_beside_the_model_as_they_are_in_the_checkpoint(run: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(run / "latest" / "hf")
    students = load_exits(run / "latest" / "hf", config).state_dict()
    trained = saved(run)["model"]
    assert_same(
        {f"students.{name}": value for name, value in students.items()},
        {name: value for name, value in trained.items() if name.startswith("students.")},
    )


def test_a_resumed_run_is_the_same_bit_by_bit(run: Path, unlabelled: Path, tmp_path: Path) -> None:
    """In the middle of an epoch, whose batches go on where they were."""
    middle = str(run / "checkpoints" / "step-00000004")
    again = ["--steps", "8", "--save-every", "4", "--eval-every", "4"]
    learn = ["--lr", "1e-2", "--schedule", "constant", "--resume", middle]
    output = tmp_path / "again"
    assert distil(unlabelled, saved_classifier(), output, *again, *learn) == 0
    assert_same(saved(run), saved(output))
    ends = [logged(each)[-1] for each in (run, output)]
    for name in ("loss", "loss_exit_1", "lr", "gradient_norm", "step"):
        assert ends[0][name] == ends[1][name]


def test_a_distilled_model_is_left_early(run: Path, tmp_path: Path) -> None:
    options = ["--data", labelled("classify"), "--output", tmp_path / "out", "--speed", "0.99"]
    given = ["predict", "--model", run / "latest" / "hf", *options, "--device", "cpu"]
    assert main([*map(str, given)]) == 0
    layers = {each["prediction"]["exit_layer"] for each in records(tmp_path / "out")}
    assert min(layers) < 4


def test_by_default_it_learns_ten_epochs_at_ten_times_the_rate_of_fine_tuning(
    tmp_path: Path,
) -> None:
    output = tmp_path / "run"
    assert distil(labelled("classify"), saved_classifier(), output, "--batch-rows", "96") == 0
    steps = logged(output)
    assert len(steps) == 10
    assert max(step["lr"] for step in steps) == pytest.approx(3e-4)
    assert len(logged(output, "eval")) == 10
    assert parse_distil_options(["--data", "a", "--model", "b", "--output", "c"]).exit_width == 128


def test_what_cannot_be_distilled_is_refused(
    tmp_path: Path, unlabelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_model(name: str, hf: Any) -> Path:
        return save_classifier(tmp_path / name, labelled("classify"), hf)

    shallow = with_model("shallow", classifier(num_hidden_layers=1))
    short = with_model("short", classifier(max_position_embeddings=12))
    other = with_model("other", classifier())
    path = other / "tokenizer.json"
    path.write_text(path.read_text("utf-8").replace('"the":', '"teh":', 1), "utf-8")
    model = saved_classifier()
    for data, teacher, options, message in (
        (unlabelled, shallow, [], "has one layer, and exits are on all layers but the last"),
        (unlabelled, short, [], "has positions for 12 tokens, the longest row"),
        (unlabelled, other, [], "is of another vocabulary than"),
        (unlabelled, saved_classifier("regress"), [], "has no classes to be sure of"),
        (unlabelled, saved_classifier("tag"), [], "predicts tags and has no classes to be sure of"),
        (unlabelled, saved_classifier("rank"), [], "has no classes to be sure of"),
        (labelled("regress"), model, [], "exits learn from rows of classify"),
        (corpus("bert"), model, [], "exits learn from rows of classify"),
        (unlabelled, tmp_path / "none", [], "is no folder"),
        (tmp_path / "none", model, [], "holds no manifest.json"),
        (unlabelled, model, ["--exit-width", "15"], "must be a multiple of 2"),
        (unlabelled, model, ["--epochs", "2", "--steps", "3"], "leave out one"),
    ):
        assert distil(data, teacher, tmp_path / "run", *options) == 2
        [line] = [
            line for line in capsys.readouterr().err.splitlines() if line.startswith("shardmill: ")
        ]
        assert message in line
        assert not (tmp_path / "run").exists()


def test_another_teacher_of_the_same_shapes_is_another_run(
    run: Path, unlabelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_classifier(tmp_path / "other", labelled("classify"), classifier(seed=9))
    config = json.loads((saved_classifier() / "config.json").read_text("utf-8"))
    (other / "config.json").write_text(json.dumps(config), "utf-8")
    options = ["--steps", "9", "--batch-rows", "16", "--resume", str(run / "latest")]
    assert distil(unlabelled, other, tmp_path / "run", *options) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "is of another run (teacher " in told
    assert "name another --output" in told
    assert not (tmp_path / "run").exists()
