"""ELECTRA from text to two models that load, by the command line."""

from pathlib import Path

import pyarrow as pa
import pytest
import torch
import transformers

from pipelines.build import main as build
from pipelines.verify import main as verify
from tests.support.sample_builds import corpus, shard_paths, stored_rows, tokenizer_file
from tests.support.training_runs import assert_same, records, saved, tiny_config, train
from trainer.models.electra import DISCRIMINATOR, GENERATOR

SMALL = ("--batch-tokens", "512", "--eval-every", "1000")
VERSE = ["the", "river", "runs", "past", "mill", "and", "bridge", "to", "sea", "at", "night"]


def electra_config(folder: Path) -> Path:
    return tiny_config(folder, model_type="electra", embedding_size=32, max_position_embeddings=512)


@pytest.fixture(scope="module")
def verses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of documents that go through the same eleven words again and again."""
    folder = tmp_path_factory.mktemp("verses")
    documents = []
    for number in range(60):
        words = (VERSE * 12)[number % 11 :]
        lines = [" ".join(words[at : at + 9]) for at in range(0, 27 + 9 * (number % 6), 9)]
        documents.append("\n".join([*lines, f"verse {number}"]))
    (folder / "verses.txt").write_text("\n\n".join(documents) + "\n", "utf-8")
    options = ["--shards", "1", "--eval-fraction", "0", "--max-seq-length", "48"]
    arguments = ["electra", "--input", str(folder / "verses.txt"), *options]
    arguments += ["--tokenizer", str(tokenizer_file("wordpiece"))]
    assert build([*arguments, "--output", str(folder / "built")]) == 0
    return folder / "built"


def test_rows_are_clean_have_one_or_two_segments_and_are_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = corpus("electra")
    rows = [row for path in shard_paths(folder) for row in stored_rows(path)]
    assert {row["pair_relation"] for row in rows} == {"next", "none"}
    for row in rows:
        assert set(row) == {"input_ids", "second_segment_start", "pair_relation"}
        second = row["second_segment_start"] < len(row["input_ids"])
        assert row["input_ids"].count(3) == 1 + second == 1 + (row["pair_relation"] == "next")
    assert verify([str(folder)]) == 0
    assert "verification passed" in capsys.readouterr().out
    with pa.ipc.open_file(str(shard_paths(folder)[0])) as file:
        assert file.schema.names == ["input_ids", "second_segment_start", "pair_relation"]


def test_the_discriminator_learns_to_find_replaced_tokens(verses: Path, tmp_path: Path) -> None:
    options = ("--batch-tokens", "512", "--steps", "45", "--lr", "3e-3", "--log-every", "15")
    assert train(verses, electra_config(tmp_path), tmp_path / "run", *options) == 0
    first, _, last = records(tmp_path / "run")
    balanced = (last["replaced_found"] + last["originals_kept"]) / 2
    assert balanced > 0.65
    assert last["loss_rtd"] < first["loss_rtd"] / 1.5
    assert last["loss_mlm"] < first["loss_mlm"]
    assert last["loss"] == pytest.approx(last["loss_mlm"] + 50 * last["loss_rtd"])


def test_both_models_load_and_training_goes_on_from_them(tmp_path: Path) -> None:
    data, output = corpus("electra"), tmp_path / "run"
    assert train(data, electra_config(tmp_path), output, *SMALL, "--steps", "3") == 0
    folder, state = output / "latest" / "hf", saved(output)["model"]
    for name in (GENERATOR, DISCRIMINATOR):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder / name)
        model = transformers.AutoModel.from_pretrained(folder / name)
        encoded = tokenizer("a short walk", return_tensors="pt")
        assert model(**encoded).last_hidden_state.isfinite().all()
        for key, weight in model.state_dict().items():
            assert torch.equal(weight, state[f"{name}.electra.{key}"])
    again = (*SMALL, "--steps", "1", "--lr", "1e-9")
    assert train(data, str(folder), tmp_path / "again", *again) == 0
    for key, weight in saved(tmp_path / "again")["model"].items():
        torch.testing.assert_close(weight, state[key], rtol=0, atol=1e-7)


def test_a_run_goes_on_exactly(tmp_path: Path) -> None:
    """Also with dropout, and tokens that are drawn: both come from the step's own seed."""
    data, model = corpus("electra"), electra_config(tmp_path)
    options = (*SMALL, "--batches-per-step", "2", "--save-every", "3")
    options = (*options, "--steps", "6", "--keep", "9")
    assert train(data, model, tmp_path / "straight", *options) == 0
    half = tmp_path / "straight" / "checkpoints" / "step-00000003"
    assert train(data, model, tmp_path / "again", *options, "--resume", str(half)) == 0
    assert_same(saved(tmp_path / "straight"), saved(tmp_path / "again"))
    losses = [[r["loss"] for r in records(tmp_path / name)] for name in ("straight", "again")]
    assert losses[0][3:] == losses[1]
