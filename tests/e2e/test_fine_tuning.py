"""Fine-tuning from the command line: one task or several, on encoders that a run has saved."""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pipelines.cli import main
from schemas.checked_json import from_json_value
from tests.support.labelled_builds import labelled, records_of, write_jsonl
from tests.support.task_runs import MODELS, config_of, loader, opened, rows_of
from tests.support.training_runs import (
    assert_same,
    records,
    saved,
    steps_saved,
    train,
    train_in_ranks,
)
from trainer.models.load import load_model
from trainer.options import TrainOptions

Captured = pytest.CaptureFixture[str]
RATE = ("--lr", "1e-2", "--batch-rows", "16")


def learner(folder: Path, **changes: Any) -> Path:
    """Writes the configuration of an encoder that learns made-up records in seconds."""
    fields = {"hidden_size": 32, "intermediate_size": 64, "initializer_range": 0.05}
    return config_of(folder, hidden_dropout_prob=0.0, **{**fields, **changes})


def texts_of(kind: str) -> list[dict[str, Any]]:
    """The records of the evaluation split of `labelled`, in the order of the file."""
    return records_of(kind, 128)[96:]


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six epochs on two classes."""
    folder = tmp_path_factory.mktemp("classified")
    options = (*RATE, "--epochs", "6", "--keep", "1")
    assert train(labelled("classify"), learner(folder), folder / "run", *options) == 0
    return folder / "run"


def test_a_task_is_learned_and_evaluated_at_each_epoch(classified: Path) -> None:
    found = records(classified, "eval")
    assert [each["step"] for each in found] == [6 * epoch for epoch in range(1, 7)]
    assert found[-1]["accuracy"] > 0.9
    assert found[-1]["score"] == found[-1]["accuracy"]
    assert {"f1", "matthews", "loss_classify"} <= found[-1].keys()
    rates = [each["lr"] for each in records(classified)]
    # The warm-up is a tenth of 36 steps.
    assert rates.index(max(rates)) == 3


def test_the_best_checkpoint_is_kept_beside_the_latest(classified: Path) -> None:
    scores = [each["score"] for each in records(classified, "eval")]
    best = 6 * (1 + scores.index(max(scores)))
    assert os.readlink(classified / "best") == f"checkpoints/step-{best:08d}"
    assert steps_saved(classified) == sorted({f"step-{best:08d}", "step-00000036"})
    meta = json.loads((classified / "best" / "checkpoint.json").read_text("utf-8"))
    assert meta["best"] == {
        "step": best,
        "score": max(scores),
        "figures": {"accuracy": max(scores)},
    }


def test_a_pipeline_predicts_what_the_evaluation_found(classified: Path) -> None:
    pipeline = transformers.pipeline("text-classification", str(classified / "best" / "hf"))
    rows = texts_of("classify")
    answers = [each["label"] for each in pipeline([row["text"] for row in rows])]
    right = [answer == row["label"] for answer, row in zip(answers, rows, strict=True)]
    best = max(each["accuracy"] for each in records(classified, "eval"))
    assert sum(right) / len(right) == best
    assert set(answers) == {"negative", "positive"}
    found = predictions(classified / "best" / "hf")
    ids = pipeline.tokenizer([row["text"] for row in rows]).input_ids
    assert answers == [found[tuple(each)] for each in ids]


def predictions(folder: Path) -> dict[tuple[int, ...], str]:
    """Returns the class that a saved model predicts here for each row, by its ids."""
    model = load_model(str(folder), [opened("classify")], 48).eval()
    [batch] = loader("classify", rows=64)
    classes = model.logits(batch).argmax(-1).tolist()
    names = model.hf.config.id2label
    rows = [tuple(row["input_ids"][0].tolist()) for row in rows_of(batch)]
    return {row: names[each] for row, each in zip(rows, classes, strict=False)}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each other kind of labels."""
    found = {}
    for kind in ("pair", "regress", "tag", "span", "rank"):
        folder = tmp_path_factory.mktemp(kind)
        found[kind] = folder / "run"
        options = (*RATE, "--epochs", "3", "--save-every", "99")
        assert train(labelled(kind), learner(folder), folder / "run", *options) == 0
    return found


@pytest.mark.parametrize("kind", ["pair", "regress", "tag", "span", "rank"])
def test_every_kind_is_loaded_by_its_own_class(kind: str, tuned: dict[str, Path]) -> None:
    folder = tuned[kind] / "best" / "hf"
    kind_of = getattr(transformers, MODELS[kind])
    _, info = kind_of.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    losses = [each["loss"] for each in records(tuned[kind])]
    assert min(losses[-3:]) < losses[0]


def test_two_texts_are_learned_predicted_and_distilled_with_one_type_of_tokens(
    tmp_path: Path,
) -> None:
    """RoBERTa has no other; what is saved is what the pipeline of `transformers` is given."""
    model = config_of(tmp_path, "roberta", type_vocab_size=1, num_hidden_layers=2)
    assert train(labelled("pair"), model, tmp_path / "run", *RATE, "--epochs", "1") == 0
    folder = tmp_path / "run" / "best" / "hf"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]
    pairs = [(row["text_a"], row["text_b"]) for row in texts_of("pair")]
    given = tokenizer(pairs[:4], padding=True, return_token_type_ids=True, return_tensors="pt")
    assert int(given["token_type_ids"].max()) == 0
    hf = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        theirs = [hf(**tokenizer(*pair, return_tensors="pt")).logits[0] for pair in pairs]
    [batch] = loader("pair", rows=64)
    found = load_model(str(folder), [opened("pair")], 48).eval().logits(batch)
    ours = {
        tuple(row["input_ids"][0].tolist()): logits
        for row, logits in zip(rows_of(batch), found, strict=False)
    }
    for pair, logits in zip(pairs, theirs, strict=True):
        own = ours[tuple(tokenizer(*pair).input_ids)]
        torch.testing.assert_close(own, logits, rtol=1e-4, atol=1e-5)
    data = ["--data", str(labelled("pair")), "--device", "cpu"]
    output = tmp_path / "said.jsonl"
    said = ["predict", "--model", str(folder), "--output", str(output), "--device", "cpu"]
    file = write_jsonl(tmp_path / "in.jsonl", texts_of("pair"))
    assert main([*said, "--input", str(file), "--fields", "text_a,text_b"]) == 0
    lines = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    best = [max(logits.softmax(-1).tolist()) for logits in theirs]
    assert [each["prediction"]["probability"] for each in lines] == pytest.approx(best, abs=1e-4)
    options = ["--output", str(tmp_path / "exits"), "--exit-width", "16", "--steps", "1"]
    assert main(["distil", *data, "--model", str(folder), *options]) == 0
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "exits" / "latest" / "hf")
    assert again.model_input_names == tokenizer.model_input_names


def test_pipelines_answer_and_tag(tuned: dict[str, Path]) -> None:
    tags = transformers.pipeline("token-classification", str(tuned["tag"] / "best" / "hf"))
    assert {each["entity"] for each in tags("the man in london street")} <= {
        "B-LOC",
        "I-LOC",
        "B-PER",
        "I-PER",
    }
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(
        tuned["span"] / "best" / "hf"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(tuned["span"] / "best" / "hf")
    right = []
    for row in texts_of("span"):
        given = tokenizer(row["question"], row["context"], return_tensors="pt")
        with torch.no_grad():
            found = model(**given)
        second = given["token_type_ids"][0] == 1
        second[-1] = False
        scores = found.start_logits[0][:, None] + found.end_logits[0]
        size = len(second)
        allowed = second[:, None] & second & (torch.ones(size, size).triu().bool())
        scores[~allowed] = -torch.inf
        begin, end = divmod(int(scores.argmax()), size)
        text = tokenizer.decode(given["input_ids"][0, begin : end + 1])
        right.append(text == row["answers"]["text"][0])
    best = max(records(tuned["span"], "eval"), key=lambda each: each["score"])
    assert sum(right) / len(right) == pytest.approx(best["exact_match"])


def test_a_run_goes_on_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    model = config_of(tmp_path)
    options = (*RATE, "--steps", "14", "--eval-every", "3", "--save-every", "4", "--keep", "9")
    assert train(labelled("classify"), model, tmp_path / "whole", *options) == 0
    for step in ("step-00000004", "step-00000008"):
        run = tmp_path / step
        from_there = ("--resume", str(tmp_path / "whole" / "checkpoints" / step))
        assert train(labelled("classify"), model, run, *options, *from_there) == 0
        assert_same(saved(tmp_path / "whole"), saved(run))
        later = [
            each for each in records(tmp_path / "whole", "eval") if each["step"] > int(step[5:])
        ]
        assert [each["loss"] for each in records(run, "eval")] == [each["loss"] for each in later]


def test_a_stopped_run_still_knows_its_best(tmp_path: Path, capsys: Captured) -> None:
    model = learner(tmp_path)
    options = (*RATE, "--epochs", "3", "--save-every", "5")
    assert train(labelled("classify"), model, tmp_path / "whole", *options) == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "cut", symlinks=True)
    newest = steps_saved(tmp_path / "cut")[-1]
    shutil.rmtree(tmp_path / "cut" / "checkpoints" / newest)
    (tmp_path / "cut" / "best").unlink()
    capsys.readouterr()
    assert train(labelled("classify"), model, tmp_path / "cut", *options) == 0
    assert os.readlink(tmp_path / "cut" / "best") == os.readlink(tmp_path / "whole" / "best")
    assert_same(saved(tmp_path / "whole"), saved(tmp_path / "cut"))
    assert "the best evaluation, accuracy " in capsys.readouterr().out
    # More epochs may be asked for; without a word of them it is as many steps as before.
    assert train(labelled("classify"), model, tmp_path / "cut", *RATE) == 0
    assert steps_saved(tmp_path / "cut")[-1] == "step-00000018"
    assert train(labelled("classify"), model, tmp_path / "cut", *RATE, "--epochs", "4") == 0
    assert steps_saved(tmp_path / "cut")[-1] == "step-00000024"


def test_fewer_epochs_than_were_trained_are_refused(classified: Path, capsys: Captured) -> None:
    given = (labelled("classify"), learner(classified.parent), classified, *RATE)
    told = refused(capsys, *given, "--epochs", "5").splitlines()[-1]
    assert "step-00000036 has 36 steps already, and --epochs 5 is 30; ask for more" in told
    assert train(*given, "--epochs", "6") == 0


def test_what_stands_in_the_place_of_the_best_is_refused(
    classified: Path, tmp_path: Path, capsys: Captured
) -> None:
    shutil.copytree(classified, tmp_path / "run", symlinks=True)
    (tmp_path / "run" / "best").unlink()
    (tmp_path / "run" / "best").write_text("mine", "utf-8")
    told = refused(capsys, labelled("classify"), learner(tmp_path), tmp_path / "run", *RATE)
    assert "best is not a link into checkpoints as a run makes it; move it away" in told
    assert (tmp_path / "run" / "best").read_text("utf-8") == "mine"


def test_options_of_checkpoints_of_before_are_read() -> None:
    fields = {"data": "d", "model": "m", "output": "o", "lr": 1e-4, "eval_every": 1000}
    found = from_json_value(fields, TrainOptions, "checkpoint.json")
    assert found.folders == ("d",)
    assert (found.batch_rows, found.epochs, found.lr) == (None, None, 1e-4)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three tasks, whose folders have names of their own."""
    folder = tmp_path_factory.mktemp("several")
    for kind in ("classify", "tag", "regress"):
        (folder / kind).symlink_to(labelled(kind))
    more = ("--data", str(folder / "tag"), "--data", str(folder / "regress"))
    options = (*more, *RATE, "--epochs", "4", "--keep", "1")
    assert train(folder / "classify", learner(folder), folder / "run", *options) == 0
    return folder


def test_several_tasks_are_learned_by_one_encoder(several: Path) -> None:
    run = several / "run"
    found = records(run, "eval")
    assert [each["step"] for each in found] == [18, 36, 54, 72]
    main = ("classify/accuracy", "tag/f1", "regress/pearson")
    for each in found:
        assert each["score"] == pytest.approx(sum(each[name] for name in main) / 3)
    assert found[-1]["classify/accuracy"] > 0.6
    # An epoch has the batches of each task once.
    whose = [each["objective"] for each in records(run)]
    for epoch in range(4):
        own = whose[18 * epoch : 18 * (epoch + 1)]
        assert {name: own.count(name) for name in own} == dict.fromkeys(
            ("classify", "tag", "regress"), 6
        )
    assert whose[:18] != whose[18:36]
    assert [each["epoch"] for each in records(run)] == [step // 18 for step in range(72)]


def test_each_task_has_a_folder_that_is_loaded(several: Path) -> None:
    folder = several / "run" / "latest" / "hf"
    assert sorted(path.name for path in folder.iterdir()) == ["classify", "regress", "tag"]
    encoders = []
    for kind in ("classify", "tag", "regress"):
        model, info = getattr(transformers, MODELS[kind]).from_pretrained(
            folder / kind, output_loading_info=True
        )
        assert not info["missing_keys"]
        encoders.append(model.bert.encoder.state_dict())
    assert all(torch.equal(encoders[0][name], encoders[1][name]) for name in encoders[0])
    transformers.AutoTokenizer.from_pretrained(folder / "tag")


def test_several_tasks_go_on_exactly(several: Path, tmp_path: Path) -> None:
    model = several / "config.json"
    more = ("--data", str(several / "tag"), "--mix", "extra-first", "--extra-task-ratio", "0.5")
    options = (*more, *RATE, "--steps", "20", "--save-every", "7", "--keep", "9")
    assert train(several / "classify", model, tmp_path / "whole", *options) == 0
    from_there = ("--resume", str(tmp_path / "whole" / "checkpoints" / "step-00000007"))
    assert train(several / "classify", model, tmp_path / "again", *options, *from_there) == 0
    assert_same(saved(tmp_path / "whole"), saved(tmp_path / "again"))
    whose = [each["objective"] for each in records(tmp_path / "whole")]
    assert whose[:9] == ["tag"] * 3 + ["classify"] * 6


def test_one_of_several_saved_models_must_be_named(
    several: Path, tmp_path: Path, capsys: Captured
) -> None:
    saved_models = several / "run" / "latest" / "hf"
    told = refused(capsys, labelled("classify"), saved_models, tmp_path / "run")
    assert (
        f"holds the models of several tasks; name the folder of one, such as {saved_models}" in told
    )
    one = (saved_models / "classify", tmp_path / "run", "--epochs", "1")
    assert train(labelled("classify"), *one) == 0
    assert "new weights" not in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_find_the_same_figures(several: Path, tmp_path: Path) -> None:
    model = several / "config.json"
    more = ("--data", str(several / "tag"))
    options = (*more, *RATE, "--epochs", "1", "--batches-per-step", "2")
    assert train(several / "classify", model, tmp_path / "one", *options) == 0
    train_in_ranks(several / "classify", model, tmp_path / "two", *options)
    [one], [two] = (records(tmp_path / run, "eval") for run in ("one", "two"))
    assert one.keys() == two.keys()
    for name in one.keys() - {"event"}:
        assert one[name] == pytest.approx(two[name], rel=1e-4, abs=1e-6), name


def refused(capsys: Captured, *given: Any) -> str:
    """Returns the sentence of a run that is refused."""
    capsys.readouterr()
    assert train(*given) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--objective", "bert"), "--objective bert masks, and"),
        (("--lanes", "2"), "--lanes 2 is for a model that takes rows in lanes"),
        (("--copies", "dynamic"), "--copies dynamic draws masks, and"),
        (("--mix", "proportional"), "--mix proportional is for mixtures of objectives"),
        (("--mix", "shuffled"), "--mix is for mixtures, and"),
        (("--extra-task-ratio", "1"), "--extra-task-ratio 1 is for several tasks; add another"),
        (("--epochs", "2", "--steps", "3"), "--epochs and --steps both say how long"),
        (("--data", "DATA"), "--data names a folder twice"),
        (("--follow", "--data", "x", "--schedule", "constant"), "--follow trains on one stream"),
        (("--batch-tokens", "8"), "--batch-tokens must be at least"),
    ],
)
def test_what_labelled_records_do_not_have_is_refused(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: Captured
) -> None:
    data = labelled("classify")
    given = [str(data) if option == "DATA" else option for option in options]
    told = refused(capsys, data, config_of(tmp_path), tmp_path / "run", *given)
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_records_without_labels_teach_nothing(tmp_path: Path, capsys: Captured) -> None:
    from tests.support.labelled_builds import build_records

    file = write_jsonl(tmp_path / "file.jsonl", [{"text": f"text {n}"} for n in range(20)])
    options = ("--fields", "text", "--unlabelled")
    data = build_records(tmp_path / "data", "classify", [file], *options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = refused(capsys, data, config_of(tmp_path), tmp_path / "run")
    assert "has no labels in its training split" in told
    assert not (tmp_path / "run").exists()
    assert told.count("\n") == 1


def test_without_an_evaluation_split_there_is_no_best(tmp_path: Path, capsys: Captured) -> None:
    from tests.support.labelled_builds import build_records

    file = write_jsonl(tmp_path / "file.jsonl", records_of("classify", 20))
    options = ("--fields", "text,label", "--eval-fraction", "0")
    data = build_records(tmp_path / "data", "classify", [file], *options)
    assert train(data, config_of(tmp_path), tmp_path / "run", "--epochs", "1") == 0
    told = capsys.readouterr()
    assert "there will be no best checkpoint; build with --eval-input" in told.err
    assert "best" not in told.out
    assert not (tmp_path / "run" / "best").exists()


def test_several_data_must_be_labelled(tmp_path: Path, capsys: Captured) -> None:
    from tests.support.sample_builds import corpus

    told = refused(
        *(capsys, labelled("classify"), config_of(tmp_path), tmp_path / "run"),
        *("--data", str(corpus("bert-wwm"))),
    )
    assert "is a build of bert-wwm; several --data are for labelled records" in told
