"""One model learns the members of a mixture, in steps that a schedule gives to them."""

import contextlib
import io
import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForPreTraining

from pipelines.cli import main as shardmill
from tests.support.made_once import made_once
from tests.support.sample_builds import SAMPLE, corpus, tokenizer_file
from tests.support.training_runs import (
    LEARN,
    assert_same,
    learner,
    records,
    saved,
    start,
    tiny_config,
    train,
    train_in_ranks,
)
from trainer.loader.mixed_batches import drawn_steps
from transforms.objectives.schedule import continual, proportional

Captured = pytest.CaptureFixture[str]
MEMBERS = ("bert-wwm", "albert", "roberta-wwm-ext")
SMALL = ("--batch-tokens", "512", "--batches-per-step", "2")


def build_into(folder: Path, name: str, *options: str) -> None:
    text = ["--input", f"{SAMPLE}/*.txt", "--tokenizer", str(tokenizer_file("wordpiece"))]
    given = ["--shards", "2", "--eval-fraction", "0.1", "--copies", "2", *options]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert shardmill(["build", name, *text, "--output", str(folder), *given]) == 0


def mixture(members: str = "bert-wwm,albert=2,roberta-wwm-ext", length: int = 64) -> Path:
    options = ("--members", members, "--max-seq-length", str(length))
    name = f"mixture-{members}-{length}"
    return made_once(name, lambda folder: build_into(folder, "mixture", *options))


def test_the_log_tells_objective_and_stage(tmp_path: Path) -> None:
    options = (*SMALL, "--steps", "24", "--mix", "continual", "--seed", "5")
    assert train(mixture(), tiny_config(tmp_path), tmp_path / "run", *options) == 0
    told = records(tmp_path / "run")
    drawn, stages = drawn_steps(continual([1, 2, 1], 24), 5)
    assert [record["objective"] for record in told] == [MEMBERS[member] for member in drawn]
    assert [record["stage"] for record in told] == [stage + 1 for stage in stages]
    tasks = {"bert-wwm": {"mlm", "nsp"}, "albert": {"mlm", "sop"}, "roberta-wwm-ext": {"mlm"}}
    for record in told:
        name = record["objective"]
        losses = {key for key in record if "loss_" in key}
        assert losses == {f"{name}/loss_{task}" for task in tasks[name]}
        assert record["loss"] == pytest.approx(sum(record[key] for key in losses))
    [evaluation] = records(tmp_path / "run", "eval")
    for name, parts in tasks.items():
        assert {f"{name}/loss_{task}" for task in parts} <= evaluation.keys()
        assert evaluation[f"{name}/count_mlm"] > 0


def test_a_record_of_several_steps_keeps_members_apart(tmp_path: Path) -> None:
    options = (*SMALL, "--steps", "12", "--seed", "5")
    for every in ("1", "12"):
        run = tmp_path / every
        assert train(mixture(), tiny_config(tmp_path), run, *options, "--log-every", every) == 0
    single, [together] = records(tmp_path / "1"), records(tmp_path / "12")
    drawn, _ = drawn_steps(proportional([1, 2, 1], 12), 5)
    for member, name in enumerate(MEMBERS):
        own = [record for record in single if record["objective"] == name]
        assert len(own) == (drawn == member).sum()
        losses = [record[f"{name}/loss_mlm"] for record in own]
        assert min(losses) <= together[f"{name}/loss_mlm"] <= max(losses)
    assert together["tokens"] == sum(record["tokens"] for record in single)
    means = [together[f"{name}/loss"] for name in MEMBERS]
    assert together["loss"] == pytest.approx(0.25 * means[0] + 0.5 * means[1] + 0.25 * means[2])


@pytest.mark.slow
def test_all_parts_are_learned(tmp_path: Path) -> None:
    options = (*LEARN, "--batch-tokens", "1024", "--steps", "400", "--log-every", "20")
    data = mixture("bert-wwm,albert", length=32)
    assert train(data, learner(tmp_path), tmp_path / "run", *options) == 0
    told = records(tmp_path / "run")
    for part in ("bert-wwm/loss_mlm", "bert-wwm/loss_nsp", "albert/loss_mlm", "albert/loss_sop"):
        values = [record[part] for record in told]
        first, last = sum(values[:3]) / 3, sum(values[-3:]) / 3
        assert last < 0.8 * first, (part, first, last)
    hf = tmp_path / "run" / "latest" / "hf"
    assert type(AutoModelForPreTraining.from_pretrained(hf)).__name__ == "BertForPreTraining"
    again = ("--batch-tokens", "1024", "--steps", "2")
    assert train(data, hf, tmp_path / "again", *again) == 0
    goes_on = records(tmp_path / "again")[0]
    name = goes_on["objective"]
    assert goes_on[f"{name}/loss_mlm"] < 0.9 * told[0][f"{name}/loss_mlm"]


def test_a_head_without_a_gradient_stays_as_it_is(tmp_path: Path) -> None:
    """Its moments too: the first stage is the first member's alone."""
    options = (*SMALL, "--steps", "4", "--save-every", "1", "--keep", "9", "--mix", "continual")
    data = mixture("bert-wwm,albert")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *options) == 0
    folder = tmp_path / "run" / "checkpoints"
    states = [torch.load(path / "state.pt", weights_only=True) for path in sorted(folder.iterdir())]
    assert continual([1, 1], 4)[0] == (1, 0)
    names = [record["objective"] for record in records(tmp_path / "run")]
    heads = {"bert-wwm": "hf.cls.seq_relationship.weight", "albert": "heads.sop.answer.weight"}
    for number in range(1, 4):
        for name, weight in heads.items():
            same = torch.equal(states[number]["model"][weight], states[number - 1]["model"][weight])
            assert same == (names[number] != name)


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_a_run_goes_on_to_the_bit(tmp_path: Path, optimizer: str) -> None:
    data, model = mixture(), tiny_config(tmp_path)
    options = (*SMALL, "--steps", "16", "--save-every", "5", "--keep", "9", "--mix", "continual")
    options = (*options, "--optimizer", optimizer)
    assert train(data, model, tmp_path / "straight", *options) == 0
    middle = tmp_path / "straight" / "checkpoints" / "step-00000005"
    assert train(data, model, tmp_path / "again", *options, "--resume", str(middle)) == 0
    assert_same(saved(tmp_path / "straight"), saved(tmp_path / "again"))
    rest = records(tmp_path / "straight")[5:]
    for one, other in zip(rest, records(tmp_path / "again"), strict=True):
        assert (one["step"], one["objective"]) == (other["step"], other["objective"])
        assert one["loss"] == other["loss"]


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    data, model = mixture(), tiny_config(tmp_path)
    options = (*SMALL, "--steps", "60", "--mix", "continual")
    assert train(data, model, tmp_path / "straight", *options) == 0
    stopped = start(data, model, tmp_path / "stopped", *options)
    log = tmp_path / "stopped" / "log.jsonl"
    stopped.wait_for(lambda: log.exists() and '"step": 7,' in log.read_text("utf-8"))
    stopped.send(signal.SIGTERM)
    assert stopped.ended() == 128 + signal.SIGTERM
    done = json.loads((tmp_path / "stopped" / "latest" / "checkpoint.json").read_text())["step"]
    assert 7 <= done < 60
    assert train(data, model, tmp_path / "stopped", *options) == 0
    assert_same(saved(tmp_path / "straight"), saved(tmp_path / "stopped"))


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    data, model = mixture(), tiny_config(tmp_path)
    options = ("--batch-tokens", "256", "--batches-per-step", "4", "--steps", "24")
    options = (*options, "--mix", "continual")
    assert train(data, model, tmp_path / "one", *options) == 0
    train_in_ranks(data, model, tmp_path / "two", *options)
    one, two = saved(tmp_path / "one"), saved(tmp_path / "two")
    for name, tensor in one["model"].items():
        torch.testing.assert_close(tensor, two["model"][name], rtol=1e-4, atol=1e-5)
    for a, b in zip(records(tmp_path / "one"), records(tmp_path / "two"), strict=True):
        assert (a["objective"], a["tokens"]) == (b["objective"], b["tokens"])
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["padding"] == pytest.approx(b["padding"])


def test_other_weights_may_be_given(tmp_path: Path) -> None:
    options = (*SMALL, "--steps", "8", "--weights", "bert-wwm=6,albert=1")
    assert train(mixture(), tiny_config(tmp_path), tmp_path / "run", *options) == 0
    told = [record["objective"] for record in records(tmp_path / "run")]
    assert [told.count(name) for name in MEMBERS] == [6, 1, 1]


def test_without_steps_every_copy_is_taken_once(tmp_path: Path) -> None:
    """As far as the weights allow it: in sum."""
    options = ("--batch-tokens", "4096")
    data = mixture("bert-wwm,albert")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *options) == 0
    epochs = []
    for name in ("bert-wwm", "albert"):
        run = tmp_path / name
        assert train(data / name, tiny_config(tmp_path), run, *options) == 0
        epochs.append(records(run)[-1]["step"])
    assert records(tmp_path / "run")[-1]["step"] == sum(epochs)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--mix", "continual"], "mix 'proportional' there, 'continual' here"),
        (["--weights", "albert=3"], "albert=2, roberta-wwm-ext=1' there, 'bert-wwm=1, albert=3"),
    ],
)
def test_another_schedule_is_refused(
    changed: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    model, output = tiny_config(tmp_path), tmp_path / "run"
    assert train(mixture(), model, output, *SMALL, "--steps", "2") == 0
    assert train(mixture(), model, output, *SMALL, "--steps", "4", *changed) == 2
    assert said in capsys.readouterr().err


def test_other_members_are_refused(tmp_path: Path, capsys: Captured) -> None:
    model, output = tiny_config(tmp_path), tmp_path / "run"
    assert train(mixture(), model, output, *SMALL, "--steps", "2") == 0
    assert train(mixture("bert-wwm,albert"), model, output, *SMALL, "--steps", "4") == 2
    assert "members 'bert-wwm=1, albert=2, roberta-wwm-ext=1' there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weights", "alber=2"], "--weights alber=2: no such member; did you mean albert"),
        (
            ["--weights", "albert"],
            "--weights takes MEMBER=W,... with numbers above 0, got 'albert'",
        ),
        (["--weights", "albert=0"], "with numbers above 0, got 'albert=0'"),
    ],
)
def test_weights_that_do_not_fit_are_told(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    model = tiny_config(tmp_path)
    assert train(mixture(), model, tmp_path / "run", *SMALL, "--steps", "2", *options) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--mix", "continual"], ["--weights", "a=1"]])
def test_what_is_for_mixtures_is_refused_elsewhere(
    option: list[str], tmp_path: Path, capsys: Captured
) -> None:
    model = tiny_config(tmp_path)
    assert train(corpus("bert-wwm"), model, tmp_path / "run", *SMALL, *option) == 2
    assert f"{option[0]} is for mixtures" in capsys.readouterr().err


def test_rows_of_any_member_must_fit(tmp_path: Path, capsys: Captured) -> None:
    model = tiny_config(tmp_path, max_position_embeddings=32)
    assert train(mixture(), model, tmp_path / "run", *SMALL) == 2
    assert "has 32 positions, the rows of" in capsys.readouterr().err


def test_a_model_without_the_head_of_a_member_is_refused(tmp_path: Path, capsys: Captured) -> None:
    changes = {"model_type": "roberta", "type_vocab_size": 1, "max_position_embeddings": 200}
    model = tiny_config(tmp_path, **changes)
    assert train(mixture("roberta-wwm-ext,bert-wwm"), model, tmp_path / "run", *SMALL) == 2
    told = capsys.readouterr().err
    assert "has no head for the pairs (next, random)" in told
    assert "/bert-wwm;" in told


def test_a_member_that_was_built_anew_is_refused(tmp_path: Path, capsys: Captured) -> None:
    data = shutil.copytree(mixture("bert-wwm,albert"), tmp_path / "data")
    shutil.rmtree(data / "albert")
    shutil.copytree(corpus("albert"), data / "albert")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *SMALL) == 1
    assert "albert is another build than when" in capsys.readouterr().err


OWN = """
import torch
from torch.nn.functional import cross_entropy
from trainer.tasks.losses import LossTerm


class Own(torch.nn.Module):
    def __init__(self, corpora):
        super().__init__()
        self.names = [corpus.recipe.name for corpus in corpora]
        size = corpora[0].vocabulary.size
        self.embed = torch.nn.Embedding(size, 8)
        self.sop = torch.nn.Linear(1, 2)

    def counts(self, batch):
        found = {"mlm": (batch["labels"] != -100).sum()}
        if "has_sop" in batch:
            found["sop"] = (batch["sentence_order_label"] != -100).sum()
        return found

    def forward(self, batch):
        hidden = self.embed(batch["input_ids"][0, batch["target_positions"]])
        found = {"mlm": part(hidden @ self.embed.weight.T, batch["labels"])}
        if "has_sop" in batch:
            lengths = batch["cu_seqlens"].diff()[:, None].float()
            found["sop"] = part(self.sop(lengths), batch["sentence_order_label"])
        return found

    def save_pretrained(self, folder):
        pass


def part(logits, labels):
    loss = cross_entropy(logits, labels, reduction="sum")
    return LossTerm(loss, (logits.argmax(-1) == labels).sum())
"""


def test_a_model_of_ones_own_learns_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_mixed.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    options = (*SMALL, "--steps", "6")
    assert train(mixture(), "own_mixed:Own", tmp_path / "run", *options) == 0
    parts = {key for record in records(tmp_path / "run") for key in record if "loss_" in key}
    mlm = {f"{name}/loss_mlm" for name in MEMBERS}
    assert parts == {*mlm, "albert/loss_sop"}
