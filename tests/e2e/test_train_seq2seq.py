"""Encoder-decoders from text to models that load, by the command line."""

import collections
import io
import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from pipelines.build import main as build
from tests.support.pair_batches import BART, PROPHETNET, T5
from tests.support.sample_builds import corpus, tokenizer_file
from tests.support.training_runs import (
    LEARN,
    assert_same,
    records,
    saved,
    train,
)
from trainer.generate import main as generate
from trainer.loader.batches import ArrowBatches

Captured = pytest.CaptureFixture[str]
SMALL = ("--batch-tokens", "1300", "--eval-every", "1000")
VERSE = ["the", "river", "runs", "past", "mill", "and", "bridge", "to", "sea", "at", "night"]


def config_of(folder: Path, fields: dict[str, Any], **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**fields, "vocab_size": 3200, **changes}), "utf-8")
    return path


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents that go through the same eleven words again and again."""
    path = tmp_path_factory.mktemp("text") / "verses.txt"
    documents = [
        f"verse {number} " + " ".join((VERSE * 9)[number % 11 :][:40]) for number in range(120)
    ]
    path.write_text("\n\n".join(documents) + "\n", "utf-8")
    return path


def built(recipe: str, text: Path, folder: Path) -> Path:
    options = ["--shards", "1", "--eval-fraction", "0.1", "--max-seq-length", "48"]
    arguments = [recipe, "--input", str(text), *options, "--copies", "4"]
    arguments += ["--tokenizer", str(tokenizer_file("wordpiece+sentinels"))]
    assert build([*arguments, "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def verses(text: Path) -> Path:
    return built("t5", text, text.parent / "t5")


@pytest.fixture(scope="module")
def learned(verses: Path) -> Path:
    """A small T5 that has seen every document some times."""
    sizes = {"d_model": 64, "d_kv": 16, "num_heads": 4, "d_ff": 128, "num_decoder_layers": 2}
    model, run = config_of(verses.parent, T5, **sizes), verses.parent / "run"
    options = (*LEARN, "--batch-tokens", "1200", "--steps", "60", "--eval-every", "60")
    assert train(verses, model, run, *options, "--lr", "5e-3") == 0
    return run


def test_a_run_goes_on_exactly_and_its_model_loads(tmp_path: Path) -> None:
    """Also with dropout, fresh noise and penalties."""
    data, model = corpus("t5"), config_of(tmp_path, T5, dropout_rate=0.1, num_decoder_layers=2)
    options = (*SMALL, "--batches-per-step", "2", "--save-every", "3", "--steps", "6")
    options = (*options, "--copies", "dynamic", "--label-smoothing", "0.1", "--z-loss", "1e-4")
    assert train(data, model, tmp_path / "one", *options) == 0
    half = tmp_path / "one" / "checkpoints" / "step-00000003"
    assert train(data, model, tmp_path / "two", *options, "--resume", str(half)) == 0
    assert_same(saved(tmp_path / "one"), saved(tmp_path / "two"))
    losses = [[r["loss"] for r in records(tmp_path / name)] for name in ("one", "two")]
    assert losses[0][3:] == losses[1]
    for record in records(tmp_path / "one"):
        # With penalties the loss is not the cross entropy, which perplexity is made of.
        assert record["loss_seq2seq"] != record["nll"]
        assert record["perplexity"] == pytest.approx(2.718281828459045 ** record["nll"])
    folder = tmp_path / "one" / "latest" / "hf"
    loaded = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = tokenizer("the <extra_id_0> was", return_tensors="pt")
    assert text.input_ids[0, -1] == tokenizer.eos_token_id == loaded.config.eos_token_id
    assert loaded.generate(**text, max_new_tokens=3)[0, 0] == tokenizer.pad_token_id
    again = (*SMALL, "--steps", "1", "--lr", "1e-9")
    assert train(data, str(folder), tmp_path / "again", *again) == 0


@pytest.mark.parametrize(
    ("recipe", "fields", "streams"),
    [("t5", BART, 1), ("mass", BART, 1), ("prophetnet", PROPHETNET, 2)],
)
def test_other_families_and_rows(
    recipe: str, fields: dict[str, Any], streams: int, tmp_path: Path
) -> None:
    changes = {"max_position_embeddings": 520}
    model, run = config_of(tmp_path, fields, **changes), tmp_path / "run"
    options = ("--batch-tokens", "1300", "--steps", "2", "--eval-every", "2")
    assert train(corpus(recipe), model, run, *options) == 0
    [held_out] = records(run, "eval")
    written = [
        batch["labels"] != -100
        for batch in ArrowBatches(corpus(recipe), batch_tokens=1300, layout="pairs", split="eval")
    ]
    count = sum(int(each.sum()) for each in written)
    # The first token of a span is predicted by the first stream alone.
    found, several = held_out["count_seq2seq"], streams > 1
    assert count + several <= found <= streams * count - several
    assert records(run)[-1]["tokens"] > 500
    transformers.AutoModelForSeq2SeqLM.from_pretrained(run / "latest" / "hf")


def test_held_out_text_is_restored_better_than_by_the_most_frequent_token(
    verses: Path, learned: Path
) -> None:
    [held_out] = records(learned, "eval")
    counts: collections.Counter[int] = collections.Counter()
    for batch in ArrowBatches(verses, batch_tokens=1200, layout="pairs", split="eval"):
        labels = batch["labels"]
        counts.update(labels[labels != -100].tolist())
    assert held_out["count_seq2seq"] == counts.total()
    frequent = counts.most_common(1)[0][1] / counts.total()
    assert held_out["accuracy_seq2seq"] > frequent + 0.2


def test_gaps_are_filled(learned: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ["--model", str(learned / "latest" / "hf"), "--device", "cpu"]
    text = "sea at night the river ___ past mill and bridge to sea ___ night the river"
    assert generate([*model, "--text", text]) == 0
    shown = capsys.readouterr().out
    # Whatever stands in them, all else stays.
    assert shown.startswith("sea at night the river ")
    assert " past mill and bridge to sea " in shown
    assert "___" not in shown
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n\n{text.replace('___', '[?]')}\n"))
    assert generate([*model, "--gap", "[?]", "--beams", "2"]) == 2
    told = capsys.readouterr().err
    assert "has no gap; put [?] where words are missing" in told
    assert generate([*model, "--text", text, "--text", "sea \udcff ___"]) == 2
    assert "text 2 is not UTF-8; convert it" in capsys.readouterr().err
    strict = io.TextIOWrapper(io.BytesIO(b"sea \xff ___\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", strict)
    assert generate(model) == 2
    assert "standard input is not UTF-8; convert it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--label-smoothing", "1"), "must be a number of at least 0 and below 1, got '1'"),
        (("--z-loss", "-1"), "must be a number of at least 0 and at most 100, got '-1'"),
    ],
)
def test_penalties_that_cannot_be(
    options: tuple[str, ...], told: str, tmp_path: Path, capsys: Captured
) -> None:
    assert train(corpus("t5"), "t5-tiny", tmp_path / "run", *SMALL, *options) == 2
    assert told in capsys.readouterr().err


def test_penalties_of_other_losses_are_refused(tmp_path: Path, capsys: Captured) -> None:
    data, run = corpus("bert"), tmp_path / "run"
    for option in ("--label-smoothing", "--z-loss"):
        assert train(data, "bert-tiny", run, *SMALL, option, "0.1") == 2
        assert (
            f"{option} is for next tokens, permuted tokens and targets" in capsys.readouterr().err
        )


def test_models_without_an_encoder_or_a_decoder_are_refused(
    tmp_path: Path, capsys: Captured
) -> None:
    for name, attention in (("gpt-tiny", "causal"), ("bert-tiny", "bidirectional")):
        assert train(corpus("t5"), name, tmp_path / "run", *SMALL) == 2
        told = capsys.readouterr().err
        assert f"--model {name} has {attention} " in told
        assert f"attention, the rows of {corpus('t5')} (t5) need encoder_decoder attention" in told


@pytest.mark.parametrize(
    ("recipe", "fields", "told"),
    [
        ("bart", BART, "has no gap; put ___ where words are missing"),
        ("prefix-lm", T5, "has a gap, and this model continues texts; end it there"),
    ],
)
def test_other_targets_are_restored_too(
    recipe: str, fields: dict[str, Any], told: str, text: Path, tmp_path: Path, capsys: Captured
) -> None:
    data, run = built(recipe, text, tmp_path / "data"), tmp_path / "run"
    changes = {"max_position_embeddings": 48} if recipe == "bart" else {"num_decoder_layers": 2}
    model = config_of(tmp_path, fields, **changes)
    assert train(data, model, run, "--batch-tokens", "400", "--steps", "2") == 0
    capsys.readouterr()
    options = ["--model", str(run / "latest" / "hf"), "--device", "cpu", "--max-new-tokens", "5"]
    whole, gap = "the river runs past mill", "the river ___ past mill"
    texts = [gap, whole] if recipe == "bart" else [whole, gap]
    # The first is restored, the second is another kind of text.
    assert generate([*options, "--text", texts[0], "--text", texts[1]]) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out.count("\n") == 1
    assert recipe == "bart" or shown.out.startswith(whole)
    if recipe == "bart":
        assert generate([*options, "--text", "the river ___ " * 30]) == 2
        assert "has positions for 48; shorten it" in capsys.readouterr().err


def test_models_that_restore_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert generate(["--model", str(tmp_path / "none"), "--text", "a ___"]) == 2
    assert "is no folder; give RUN/latest/hf of a run" in capsys.readouterr().err
    assert generate(["--model", str(tmp_path), "--text", "a ___"]) == 2
    assert "holds no model; give RUN/latest/hf of a run" in capsys.readouterr().err
    transformers.T5Config(**{**T5, "vocab_size": 64}).save_pretrained(tmp_path)
    assert generate(["--model", str(tmp_path), "--text", "a ___"]) == 2
    assert "does not restore texts; give a model that shardmill train" in capsys.readouterr().err
