import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.sample_builds import corpus, manifest_of
from trainer.checkpoint import read_checkpoint
from trainer.checkpoint_files import MODEL
from trainer.curves.records import LOG
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.trainable import with_defaults
from trainer.train import main

SOURCE = '''
"""A model of somebody's own: a bag of the tokens nearby, and a guess from the first token."""

import json
import pathlib

import torch
from torch.nn.functional import cross_entropy

from trainer.tasks.losses import LossTerm


class Own(torch.nn.Module):
    layout = "padded"

    def __init__(self, size):
        super().__init__()
        self.embed = torch.nn.Embedding(size, 16)
        self.mix = torch.nn.Conv1d(16, 16, 5, padding=2)
        self.relation = torch.nn.Linear(16, 2)
        self.bias = torch.nn.Parameter(torch.zeros(size))
        self.shapes = []

    def counts(self, batch):
        return {
            "words": (batch["labels"] != -100).sum(),
            "order": (batch["next_sentence_label"] != -100).sum(),
        }

    def forward(self, batch):
        self.shapes.append(tuple(batch["input_ids"].shape))
        embedded = self.embed(batch["input_ids"]) * batch["attention_mask"][..., None]
        hidden = torch.relu(self.mix(embedded.mT).mT) + embedded
        at = batch["labels"] != -100
        words = hidden[at] @ self.embed.weight.T + self.bias
        return {
            "words": _part(words, batch["labels"][at]),
            "order": _part(self.relation(hidden.mean(1)), batch["next_sentence_label"]),
        }

    def save_pretrained(self, folder):
        folder = pathlib.Path(folder)
        torch.save(self.state_dict(), folder / "own.pt")
        (folder / "shapes.json").write_text(json.dumps(sorted(set(self.shapes))))


def _part(logits, labels):
    loss = cross_entropy(logits, labels, reduction="sum", ignore_index=-100)
    return LossTerm(loss, (logits.argmax(-1) == labels).sum())


def make(corpus):
    return Own(corpus.vocabulary.size)
'''
STEPS = 30


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The model, as it is named on the command line."""
    module = f"own_{re.sub('[^a-z0-9]', '_', tmp_path.name)}"
    (tmp_path / f"{module}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return f"{module}:make"


def train(name: str, run: Path, *more: str) -> int:
    options = ["--data", str(corpus("bert-wwm")), "--model", name, "--output", str(run)]
    numbers = ["--steps", str(STEPS), "--batch-tokens", "2048", "--lr", "0.03", "--warmup", "0"]
    return main([*options, *numbers, "--device", "cpu", "--log-every", "10", *more])


def records(run: Path, event: str) -> list[dict[str, Any]]:
    lines = (run / LOG).read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == event]


def test_a_model_of_ones_own_learns(name: str, tmp_path: Path) -> None:
    assert train(name, tmp_path / "run") == 0
    found = [record["loss_words"] for record in records(tmp_path / "run", "train")]
    assert len(found) == STEPS // 10
    assert found[-1] < found[0] - 0.5


def test_its_parts_are_logged_under_its_own_names(name: str, tmp_path: Path) -> None:
    assert train(name, tmp_path / "run") == 0
    for record in records(tmp_path / "run", "train"):
        assert {"loss_words", "accuracy_words", "loss_order", "accuracy_order"} <= record.keys()
        assert record["loss"] == pytest.approx(record["loss_words"] + record["loss_order"])
    [evaluation] = records(tmp_path / "run", "eval")
    rows = sum(s["rows"] for s in manifest_of(corpus("bert-wwm"))["splits"]["eval"]["shards"])
    assert evaluation["count_order"] == rows
    assert evaluation["count_words"] > rows


def test_no_use_of_the_hardware_is_shown_without_its_operations(name: str, tmp_path: Path) -> None:
    assert train(name, tmp_path / "run") == 0
    for record in records(tmp_path / "run", "train"):
        assert not {"mfu", "matmul_share"} & record.keys()


def test_it_gets_padded_batches_of_one_shape(name: str, tmp_path: Path) -> None:
    assert train(name, tmp_path / "run") == 0
    shapes = json.loads((tmp_path / "run" / "latest" / MODEL / "shapes.json").read_text("utf-8"))
    assert [2048 // 128, 128] in shapes
    assert {width for _, width in shapes} <= {128, *_longest("eval")}


def _longest(split: str) -> list[int]:
    return [s.max_length for s in open_local_corpus(corpus("bert-wwm")).shards(split)]


def test_it_is_saved_as_it_saves_itself(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(name, tmp_path / "run") == 0
    latest = tmp_path / "run" / "latest"
    # It does not say what loads it.
    assert capsys.readouterr().out.endswith(f"{latest / MODEL}: the model after {STEPS} steps\n")
    saved = torch.load(latest / MODEL / "own.pt", weights_only=True)
    trained = read_checkpoint(latest).tensors()["model"]
    assert saved.keys() == trained.keys()
    assert all(torch.equal(saved[each], trained[each]) for each in saved)
    assert {"tokenizer.json", "tokenizer_config.json"} <= {
        path.name for path in (latest / MODEL).iterdir()
    }


def test_it_goes_on_from_its_checkpoint_exactly(name: str, tmp_path: Path) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    assert train(name, straight, "--save-every", "20") == 0
    checkpoint = straight / "checkpoints" / "step-00000020"
    assert train(name, resumed, "--resume", str(checkpoint)) == 0
    found = read_checkpoint(resumed / "latest").tensors()["model"]
    expected = read_checkpoint(straight / "latest").tensors()["model"]
    assert all(torch.equal(found[each], expected[each]) for each in expected)


def test_what_it_need_not_have_is_filled_in() -> None:
    bare, full = torch.nn.Identity(), torch.nn.Identity()
    full.layout, full.notice, full.loaded_by = "padded", "slow", "torch.load"  # type: ignore[assignment]
    found = [with_defaults(each) for each in (bare, full)]
    assert [each.layout for each in found] == ["packed", "padded"]
    assert [each.notice for each in found] == ["", "slow"]
    assert [each.loaded_by for each in found] == ["", "torch.load"]
    assert [each.flops_per_token for each in found] == [None, None]
    assert not bare.state_dict()


def test_an_unknown_callable_ends_in_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = name.replace(":make", ":absent")
    assert train(absent, tmp_path / "run") == 2
    assert capsys.readouterr().err.startswith(f"shardmill: --model {absent} cannot be imported: ")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    return Own(", "    corpus.nothing\n    return Own(", "in make: AttributeError"),
        ("def _part(logits, labels):\n", "def _part(logits):\n", "in forward: TypeError"),
    ],
)
def test_its_own_errors_are_told_as_such(
    old: str, new: str, told: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"{name.partition(':')[0]}.py"
    assert old in SOURCE
    path.write_text(SOURCE.replace(old, new), encoding="utf-8")
    assert train(name, tmp_path / "run") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"shardmill: {path}, line ")
    assert told in line
