"""`shardmill train` from the command line."""

import collections
import json
import math
import sys
from pathlib import Path

import pytest
import torch
import transformers

from pipelines.cli import main as shardmill
from tests.support.sample_builds import (
    copy_of,
    corpus,
    few_documents,
    manifest_of,
    shard_paths,
    stored_rows,
)
from tests.support.training_runs import LEARN, learner, records, tiny_config, train

Captured = pytest.CaptureFixture[str]
SMALL = ("--batch-tokens", "512", "--steps", "4")


def labels_of(data: Path, split: str) -> list[int]:
    """Returns the tokens that the first copy masks."""
    return [
        row["input_ids"][position]
        for path in shard_paths(data, split)
        for row in stored_rows(path)
        for position in row["mlm_positions"][0]
    ]


def unigram_baseline(data: Path) -> tuple[float, float]:
    """Returns accuracy and loss on the evaluation of who knows nothing but the frequencies."""
    counts = collections.Counter(labels_of(data, "train"))
    held_out = labels_of(data, "eval")
    [(most_frequent, _)] = counts.most_common(1)
    # One is added to each count, so that no token is impossible.
    total = counts.total() + manifest_of(data)["tokenizer"]["vocab_size"]
    loss = sum(-math.log((counts[label] + 1) / total) for label in held_out) / len(held_out)
    return held_out.count(most_frequent) / len(held_out), loss


@pytest.mark.slow
def test_a_tiny_model_learns_more_than_frequencies(tmp_path: Path) -> None:
    """Of masks that are drawn anew; other tests learn those that are stored."""
    data = corpus("bert-wwm")
    model = learner(tmp_path, layers=1, max_position_embeddings=512)
    options = (*LEARN, "--batch-tokens", "1024", "--steps", "250", "--copies", "dynamic")
    assert train(data, model, tmp_path / "run", *options) == 0
    first, last = records(tmp_path / "run")[0], records(tmp_path / "run", "eval")[-1]
    accuracy, loss = unigram_baseline(data)
    assert last["accuracy_mlm"] > 1.4 * accuracy
    assert last["loss_mlm"] < loss < first["loss_mlm"]


def test_a_run_leaves_a_model_and_a_tokenizer_that_load(tmp_path: Path) -> None:
    data = corpus("bert-wwm")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *SMALL) == 0
    folder = tmp_path / "run" / "latest" / "hf"
    model = transformers.AutoModel.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer("a short walk", "我们", return_tensors="pt")
    texts = [
        tokenizer(text, add_special_tokens=False).input_ids for text in ("a short walk", "我们")
    ]
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    assert encoded["input_ids"].tolist() == [[cls, *texts[0], sep, *texts[1], sep]]
    types = [0] * (len(texts[0]) + 2) + [1] * (len(texts[1]) + 1)
    assert encoded["token_type_ids"].tolist() == [types]
    assert model(**encoded).last_hidden_state.isfinite().all()
    whole = transformers.AutoModelForPreTraining.from_pretrained(folder)
    saved = torch.load(folder.parent / "state.pt", weights_only=True)["model"]
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, saved[f"hf.{name}"])


def test_training_goes_on_from_pretrained_weights(tmp_path: Path) -> None:
    data = corpus("bert-wwm")
    options = ("--batch-tokens", "1024", "--steps", "60", "--eval-every", "60")
    assert train(data, tiny_config(tmp_path), tmp_path / "one", *options) == 0
    folder = tmp_path / "one" / "latest" / "hf"
    assert train(data, str(folder), tmp_path / "two", *SMALL, "--lr", "1e-9") == 0
    before = records(tmp_path / "one", "eval")[-1]["loss_mlm"]
    after = records(tmp_path / "two", "eval")[-1]["loss_mlm"]
    assert after == pytest.approx(before, rel=1e-3)


def test_the_log_tells_everything(tmp_path: Path, capsys: Captured) -> None:
    options = ("--log-every", "2", "--eval-every", "4", "--tensorboard")
    output = tmp_path / "run"
    assert train(corpus("bert-wwm"), tiny_config(tmp_path), output, *SMALL, *options) == 0
    told = records(output)
    assert [record["step"] for record in told] == [2, 4]
    sizes, dropout = records(output, "note")
    assert "1 x cpu, fp32, not compiled" in sizes["message"]
    assert "attention dropout is 0, not 0.1" in dropout["message"]
    [evaluation] = records(output, "eval")
    losses = {"loss", "loss_mlm", "loss_nsp", "accuracy_mlm", "accuracy_nsp", "tokens"}
    figures = {"lr", "gradient_norm", "tokens_per_second", "padding", "matmul_share", "data_wait"}
    rest = {"memory_gib", "skipped", "step_ms_p50", "step_ms_p95", "seconds_left", "epoch"}
    assert set(told[0]) == {"event", "step"} | losses | figures | rest
    assert set(evaluation) - {"event", "step"} == losses | {"perplexity", "count_mlm", "count_nsp"}
    assert told[0]["loss"] == pytest.approx(told[0]["loss_mlm"] + told[0]["loss_nsp"])
    assert list((output / "tensorboard").iterdir())
    shown = capsys.readouterr().err
    assert "train step 2/4 · 0:00:0" in shown
    assert "eval step 4/4 · loss " in shown


def test_the_evaluation_looks_at_every_row_once(tmp_path: Path) -> None:
    data = corpus("bert-wwm")
    options = ("--eval-every", "2", "--lr", "1e-9")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *SMALL, *options) == 0
    first, second = records(tmp_path / "run", "eval")
    rows = [row for path in shard_paths(data, "eval") for row in stored_rows(path)]
    assert first["count_nsp"] == len(rows)
    assert first["count_mlm"] == sum(len(row["mlm_positions"][0]) for row in rows)
    assert first["tokens"] == sum(len(row["input_ids"]) for row in rows)
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)


def test_without_an_evaluation_split_there_is_none(
    tmp_path: Path, sample: Path, tokenizer: Path
) -> None:
    data = tmp_path / "data"
    build = ["build", "bert", "--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer)]
    assert shardmill([*build, "--output", str(data), "--eval-fraction", "0"]) == 0
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *SMALL) == 0
    assert records(tmp_path / "run", "eval") == []


def test_by_default_every_copy_is_seen_once(tmp_path: Path, capsys: Captured) -> None:
    options = ("--batch-tokens", "4096", "--batches-per-step", "3")
    assert train(corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run", *options) == 0
    told = records(tmp_path / "run")
    # Three copies, and epochs of 4 steps each.
    assert collections.Counter(record["epoch"] for record in told[:-1]).keys() == {0, 1, 2}
    total = sum(record["tokens"] for record in told)
    rows = [row for path in shard_paths(corpus("bert-wwm")) for row in stored_rows(path)]
    assert total == pytest.approx(3 * sum(len(row["input_ids"]) for row in rows), rel=0.1)


def test_bfloat16_computes_with_float32_weights(tmp_path: Path) -> None:
    options = (*SMALL, "--precision", "bf16")
    assert train(corpus("roberta"), _roberta(tmp_path), tmp_path / "run", *options) == 0
    saved = torch.load(tmp_path / "run" / "latest" / "state.pt", weights_only=True)
    assert {weight.dtype for weight in saved["model"].values()} == {torch.float32}
    assert records(tmp_path / "run")[-1]["loss"] < 9


def _roberta(folder: Path) -> Path:
    return tiny_config(folder, model_type="roberta", max_position_embeddings=600, pad_token_id=1)


def test_the_same_command_is_in_the_programs(tmp_path: Path) -> None:
    arguments = ["--data", str(corpus("bert")), "--model", str(tiny_config(tmp_path))]
    arguments += ["--output", str(tmp_path / "run"), *SMALL, "--device", "cpu"]
    assert shardmill(["train", *arguments]) == 0
    assert (tmp_path / "run" / "latest" / "hf" / "config.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch-tokens", "64"], "--batch-tokens must be at least 128, the longest row of"),
        (["--batch-tokens", "0"], "--batch-tokens: must be a whole number of at least 1"),
        (["--lr", "0"], "--lr: must be a number above 0 and at most 100, got '0'"),
        (["--lr", "nan"], "--lr: must be a number above 0 and at most 100, got 'nan'"),
        (["--warmup", "-1"], "--warmup: must be a whole number of at least 0"),
        (["--steps", "many"], "argument --steps: must be a whole number"),
        (["--model", "bert-bse"], "did you mean bert-base"),
        (["--model", "roberta-base"], "has no head for the pairs (next, random)"),
        (["--optimizer", "sgd"], "invalid choice: 'sgd'"),
        (["--data", "gs://bucket/data"], "gs://bucket/data is not on a local disk"),
        (["--learning-rate", "1"], "unrecognized arguments: --learning-rate 1"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    output = tmp_path / "run"
    assert train(corpus("bert-wwm"), tiny_config(tmp_path), output, *SMALL, *options) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("shardmill: ")
    assert told.count("\n") == 1
    assert not output.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told(tmp_path: Path, capsys: Captured) -> None:
    options = (*SMALL, "--device", "cuda")
    assert train(corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run", *options) == 2
    assert "--device cuda: torch 2" in capsys.readouterr().err


def test_a_folder_without_a_manifest_is_told(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "data").mkdir()
    assert train(tmp_path / "data", "bert-tiny", tmp_path / "run", *SMALL) == 2
    assert "data holds no manifest.json; is it the output of a finished" in capsys.readouterr().err


def test_an_edited_manifest_is_told(tmp_path: Path, capsys: Captured) -> None:
    data = copy_of("bert-wwm", tmp_path / "data")
    manifest = json.loads((data / "manifest.json").read_text("utf-8"))
    (data / "manifest.json").write_text(json.dumps({**manifest, "seed": 1}), "utf-8")
    assert train(data, "bert-tiny", tmp_path / "run", *SMALL) == 1
    assert "manifest.json was edited after it was written" in capsys.readouterr().err


def test_a_model_with_too_few_words_or_positions_is_told(tmp_path: Path, capsys: Captured) -> None:
    data, output = corpus("bert-wwm"), tmp_path / "run"
    assert train(data, tiny_config(tmp_path, vocab_size=100), output, *SMALL) == 2
    assert "has a vocabulary of 100, the ids of" in capsys.readouterr().err
    assert train(data, tiny_config(tmp_path, max_position_embeddings=64), output, *SMALL) == 2
    assert "has 64 positions, the rows of" in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path, capsys: Captured) -> None:
    output = tmp_path / "run"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    assert train(corpus("bert-wwm"), tiny_config(tmp_path), output, *SMALL) == 2
    assert "is not empty and holds no run" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["mine.txt"]


def test_tensorboard_that_is_not_installed_is_told(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    options = (*SMALL, "--tensorboard")
    assert train(corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run", *options) == 2
    assert "pip install tensorboard" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_transformers_that_is_not_installed_is_told(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert train(corpus("bert-wwm"), "bert-tiny", tmp_path / "run", *SMALL) == 1
    assert "pip install 'shardmill[trainer]'" in capsys.readouterr().err


def test_help_explains(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        train(Path("data"), "bert-tiny", Path("run"), "--help")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for word in ("--copies", "torchrun --nproc-per-node", "module:callable", "--resume"):
        assert word in shown


@pytest.mark.slow
def test_albert_learns_masked_runs_and_the_order_of_segments(
    tmp_path: Path, tokenizer: Path
) -> None:
    data = tmp_path / "data"
    build = ["build", "albert", "--input", str(few_documents()), "--tokenizer", str(tokenizer)]
    options = ["--output", str(data), "--max-seq-length", "32", "--eval-fraction", "0.1"]
    assert shardmill([*build, *options, "--copies", "1"]) == 0
    assert shardmill(["verify", str(data)]) == 0
    options = [*LEARN, "--batch-tokens", "1024", "--steps", "200", "--log-every", "25"]
    assert train(data, learner(tmp_path), tmp_path / "run", *options) == 0
    told = records(tmp_path / "run")
    assert told[-1]["loss_mlm"] < 0.75 * told[0]["loss_mlm"]
    assert told[-1]["loss_sop"] < 0.5 * told[0]["loss_sop"]
    assert told[-1]["accuracy_sop"] > 0.8


def test_albert_is_saved_as_its_own_class(tmp_path: Path) -> None:
    changes = {"model_type": "albert", "embedding_size": 16, "max_position_embeddings": 512}
    options = ("--batch-tokens", "1024", "--steps", "2")
    data = corpus("albert")
    assert train(data, tiny_config(tmp_path, **changes), tmp_path / "run", *options) == 0
    folder = tmp_path / "run" / "latest" / "hf"
    model = transformers.AutoModelForPreTraining.from_pretrained(folder)
    assert type(model).__name__ == "AlbertForPreTraining"
    assert {"loss_mlm", "loss_sop", "accuracy_sop"} <= records(tmp_path / "run")[-1].keys()


@pytest.mark.slow
def test_structbert_learns_all_its_parts(tmp_path: Path, tokenizer: Path) -> None:
    data = tmp_path / "data"
    build = ["build", "structbert", "--input", str(few_documents()), "--tokenizer", str(tokenizer)]
    options = ["--output", str(data), "--max-seq-length", "32", "--eval-fraction", "0.1"]
    assert shardmill([*build, *options, "--copies", "1", "--passes", "1"]) == 0
    assert shardmill(["verify", str(data)]) == 0
    options = [*LEARN, "--batch-tokens", "1024", "--steps", "250", "--log-every", "25"]
    assert train(data, learner(tmp_path), tmp_path / "run", *options) == 0
    told, held_out = records(tmp_path / "run"), records(tmp_path / "run", "eval")[-1]
    for part, share in (("mlm", 0.75), ("wso", 0.6), ("structure", 0.8)):
        assert told[-1][f"loss_{part}"] < share * told[0][f"loss_{part}"]
    relations = collections.Counter(
        row["pair_relation"] for path in shard_paths(data) for row in stored_rows(path)
    )
    majority = max(relations.values()) / relations.total()
    assert told[-1]["accuracy_structure"] > majority + 0.1
    # The few rows held out are judged, but so small a sample teaches nothing that holds for them.
    assert held_out["count_structure"] > 0


def test_a_model_with_three_answers_is_saved(tmp_path: Path) -> None:
    data = corpus("structbert")
    changes = {"max_position_embeddings": 512}
    options = ("--batch-tokens", "1024", "--steps", "2")
    assert train(data, tiny_config(tmp_path, **changes), tmp_path / "run", *options) == 0
    assert {"loss_mlm", "loss_wso", "loss_structure"} <= records(tmp_path / "run")[-1].keys()
    saved = torch.load(tmp_path / "run" / "latest" / "state.pt", weights_only=True)["model"]
    [answer] = [weight for name, weight in saved.items() if name.endswith("answer.weight")]
    assert answer.shape == (3, 32)
