"""Probes that cannot be: refused with one sentence, before the training begins."""

from pathlib import Path

import pytest

from tests.support.labelled_builds import build_records, labelled, records_of, write_jsonl
from tests.support.sample_builds import corpus, tokenizer_file
from tests.support.training_runs import tiny_config, train

Captured = pytest.CaptureFixture[str]


def refused(
    capsys: Captured, folder: Path, *options: str, data: str = "bert-wwm", **fields: object
) -> str:
    """Asks for a run that is refused; returns the message."""
    model = tiny_config(folder, hidden_size=16, num_hidden_layers=1, **fields)
    small = ("--batch-tokens", "1024", "--steps", "1")
    assert train(corpus(data), model, folder / "run", *small, *options) == 2
    [told] = [each for each in capsys.readouterr().err.splitlines() if "shardmill: " in each]
    assert not (folder / "run" / "log.jsonl").exists()
    return told


def task_of(folder: Path, *options: str, count: int = 12) -> str:
    path = write_jsonl(folder / "records.jsonl", records_of("classify", count))
    return str(
        build_records(folder / "task", "classify", [path], *("--fields", "text,label"), *options)
    )


def test_another_tokenizer(tmp_path: Path, capsys: Captured) -> None:
    task = task_of(tmp_path, "--eval-fraction", "0.5", "--tokenizer", str(tokenizer_file("bpe")))
    told = refused(capsys, tmp_path, "--probe", task)
    assert told == (
        f"shardmill: --probe {task} was built with another tokenizer than {corpus('bert-wwm')}; "
        "build it again with the same --tokenizer"
    )


def test_nothing_to_measure_on(tmp_path: Path, capsys: Captured) -> None:
    task = task_of(tmp_path, "--eval-fraction", "0")
    told = refused(capsys, tmp_path, "--probe", task)
    assert told == (
        f"shardmill: --probe {task} has no labelled rows in its split eval; build it with "
        "--eval-input or --eval-fraction"
    )


def test_nothing_to_learn_from(tmp_path: Path, capsys: Captured) -> None:
    path = write_jsonl(tmp_path / "records.jsonl", [{"text": f"text {n}"} for n in range(12)])
    options = ("--fields", "text", "--unlabelled", "--eval-fraction", "0.5")
    task = str(build_records(tmp_path / "task", "classify", [path], *options))
    told = refused(capsys, tmp_path, "--probe", task)
    assert told == (
        f"shardmill: --probe {task} has no labelled rows in its split train; build it with labels"
    )


def test_rows_that_are_longer_than_the_model(tmp_path: Path, capsys: Captured) -> None:
    records = [{"text": "a " * 140 + str(n), "label": "ab"[n % 2]} for n in range(12)]
    path = write_jsonl(tmp_path / "long.jsonl", records)
    options = ("--fields", "text,label", "--eval-fraction", "0.5", "--max-seq-length", "140")
    task = str(build_records(tmp_path / "task", "classify", [path], *options))
    told = refused(capsys, tmp_path, "--probe", task)
    assert told == (
        f"shardmill: --probe {task} has rows of 140 tokens, and --model {tmp_path / 'config.json'} "
        "has 128 positions; build it with --max-seq-length 128 or less"
    )


def test_what_is_no_task(tmp_path: Path, capsys: Captured) -> None:
    assert "nowhere holds no manifest.json" in refused(capsys, tmp_path, "--probe", "nowhere")
    probe = str(corpus("bert-wwm"))
    told = f"--probe {probe} is a build of bert-wwm, which has no labels; give one of labelled"
    assert told in refused(capsys, tmp_path, "--probe", probe)


def test_labels_that_are_not_probed(tmp_path: Path, capsys: Captured) -> None:
    task = str(labelled("span"))
    told = refused(capsys, tmp_path, "--probe", task)
    assert told.startswith(
        f"shardmill: --probe {task} is a build of span; probes learn labels that are class, number"
    )


def test_a_task_that_is_given_twice(tmp_path: Path, capsys: Captured) -> None:
    task = str(labelled("classify"))
    told = refused(capsys, tmp_path, "--probe", task, "--probe", task)
    assert told == f"shardmill: --probe {task} is given twice; leave one out"


def test_rows_without_a_probe(tmp_path: Path, capsys: Captured) -> None:
    told = refused(capsys, tmp_path, "--probe-rows", "9")
    assert told == "shardmill: --probe-rows 9 is for a --probe; name one"


def test_models_without_hidden_states_of_packed_rows(tmp_path: Path, capsys: Captured) -> None:
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "max_position_embeddings": 1024}
    task = str(labelled("classify"))
    told = refused(capsys, tmp_path, "--probe", task, data="gpt", model_type="openai-gpt", **sizes)
    assert told == (
        f"shardmill: --probe {task}: --model {tmp_path / 'config.json'} has no hidden states that "
        "can be probed; leave --probe out, or train an encoder, electra or gpt2"
    )


def test_a_damaged_task(tmp_path: Path, capsys: Captured) -> None:
    task = task_of(tmp_path, "--eval-fraction", "0.5", "--shards", "1")
    [shard] = Path(task, "train").glob("*.arrow")
    shard.write_bytes(shard.read_bytes()[:-1])
    told = refused(capsys, tmp_path, "--probe", task)
    assert told.startswith(f"shardmill: --probe {shard} has ")


def test_a_run_in_the_folder_of_its_task(tmp_path: Path, capsys: Captured) -> None:
    task = task_of(tmp_path, "--eval-fraction", "0.5")
    model = tiny_config(tmp_path)
    assert train(corpus("bert-wwm"), model, Path(task, "run"), "--probe", task) == 2
    assert f"is in the folder of --probe {task}, where" in capsys.readouterr().err
