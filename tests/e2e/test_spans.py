"""Recipes of spans from the command line: built, verified, spoiled, and learned from."""

import collections
import hashlib
import string
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from pipelines.cli import main as shardmill
from tests.oracles.boundaries import told_tokens
from tests.support.sample_builds import corpus, manifest_of, shard_paths, stored_rows
from tests.support.training_runs import LEARN, learner, records, tiny_config, train

Captured = pytest.CaptureFixture[str]


def build(recipe: str, sample: Path, tokenizer: Path, output: Path, *options: str) -> int:
    arguments = [recipe, "--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer)]
    sizes = ["--shards", "1", "--eval-fraction", "0.1", "--copies", "2", "--max-seq-length", "64"]
    return shardmill(["build", *arguments, "--output", str(output), *sizes, *options])


@pytest.mark.parametrize("recipe", ["spanbert", "span-sop"])
def test_builds_are_well(recipe: str, capsys: Captured) -> None:
    assert shardmill(["verify", str(corpus(recipe)), "--oracles"]) == 0
    assert "runs become mask tokens" in capsys.readouterr().out


def odd_tokens(tokenizer: Path, folder: Path) -> Path:
    """Writes counts of every second token, in lines."""
    tokens = Tokenizer.from_file(str(tokenizer)).get_vocab()
    lines = [f"{token}\t{number}\n" for token, number in sorted(tokens.items()) if number % 2]
    path = folder / "counts.tsv"
    path.write_text("".join(lines), "utf-8")
    return path


def test_random_tokens_follow_a_file_of_counts(
    sample: Path, tokenizer: Path, tmp_path: Path, capsys: Captured
) -> None:
    counts, data = odd_tokens(tokenizer, tmp_path), tmp_path / "data"
    options = ("--counts", str(counts), "--set", "corrupt.0.rewrite.random=0.2", "--set")
    options = (*options, "corrupt.0.rewrite.mask=0.8")
    assert build("spanbert", sample, tokenizer, data, *options) == 0
    rows = [row for path in shard_paths(data) for row in stored_rows(path)]
    seen = [each for row in rows for copy in row["mlm_input_ids"] for each in copy if each != 4]
    assert len(seen) > 1000
    assert all(each % 2 for each in seen)
    text = (data / "counts.json").read_bytes()
    assert manifest_of(data)["counts"] == hashlib.sha256(text).hexdigest()
    # The masks are drawn again, so the counts were found; the trainer draws new ones from them.
    assert shardmill(["verify", str(data)]) == 0
    run = ("--batch-tokens", "512", "--steps", "2", "--copies", "dynamic")
    assert train(data, tiny_config(tmp_path), tmp_path / "run", *run) == 0
    # The same counts in another form are the same build; none, or others, are another.
    counts.write_bytes(text)
    assert build("spanbert", sample, tokenizer, data, *options) == 0
    assert "already holds this build" in capsys.readouterr().out
    assert build("spanbert", sample, tokenizer, data, *options[2:]) == 2
    assert "counts: there" in capsys.readouterr().err
    assert build("spanbert", sample, tokenizer, data, *options[2:], "--overwrite") == 0
    assert not (data / "counts.json").exists()
    assert manifest_of(data)["counts"] is None


def test_counts_that_were_changed_or_lost_are_told(
    sample: Path, tokenizer: Path, tmp_path: Path, capsys: Captured
) -> None:
    data = tmp_path / "data"
    options = ("--counts", str(odd_tokens(tokenizer, tmp_path)))
    assert build("spanbert", sample, tokenizer, data, *options) == 0
    path = data / "counts.json"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    run = ("--batch-tokens", "512", "--steps", "2")
    for said, status in (("counts.json was changed", 1), ("holds no counts.json", 2)):
        assert shardmill(["verify", str(data)]) == 1
        assert "counts.json" in capsys.readouterr().out
        assert train(data, tiny_config(tmp_path), tmp_path / "run", *run) == status
        assert said in capsys.readouterr().err
        path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("recipe", "content", "said"),
    [
        ("bert", "the\t1", "no random token of bert follows counts; leave it out"),
        ("spanbert", "no-such-token\t1", "the token 'no-such-token' is not in the tokenizer's"),
        ("spanbert", "the 1", "line 1 has no tab"),
        ("spanbert", None, "there is no such file"),
    ],
)
def test_counts_that_do_not_fit_are_told(
    recipe: str,
    content: str | None,
    said: str,
    sample: Path,
    tokenizer: Path,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    counts, data = tmp_path / "counts.tsv", tmp_path / "data"
    if content is not None:
        counts.write_text(content, "utf-8")
    assert build(recipe, sample, tokenizer, data, "--counts", str(counts)) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"shardmill: --counts {counts}: ")
    assert said in told
    assert told.count("\n") == 1
    assert not data.exists()


def labels_of(data: Path, split: str) -> list[int]:
    """Returns the tokens that are told from the boundaries of the first copy's spans."""
    return [
        told.label
        for path in shard_paths(data, split)
        for row in stored_rows(path)
        for told in told_tokens(row, row["mlm_positions"][0])
    ]


def test_the_log_tells_both_losses(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, max_position_embeddings=512)
    options = ("--batch-tokens", "1024", "--steps", "2", "--eval-every", "2")
    data = corpus("spanbert")
    assert train(data, config, tmp_path / "run", *options) == 0
    last = records(tmp_path / "run")[-1]
    assert last["loss"] == pytest.approx(last["loss_mlm"] + last["loss_sbo"])
    [evaluation] = records(tmp_path / "run", "eval")
    assert evaluation["count_sbo"] == len(labels_of(data, "eval"))
    assert evaluation["count_sbo"] < evaluation["count_mlm"]
    assert (tmp_path / "run" / "latest" / "hf" / "heads.safetensors").exists()


def alphabets(folder: Path) -> Path:
    """Writes text in which every letter follows from the one before: a b c ... z a b ..."""
    lines = [
        " ".join(string.ascii_lowercase[(first + n) % 26] for n in range(length))
        for first in range(26)
        for length in range(40, 60)
    ]
    (folder / "letters.txt").write_text("\n\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.mark.slow
def test_spans_are_learned_from_their_boundaries(tokenizer: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert build("spanbert", alphabets(tmp_path), tokenizer, data, "--copies", "5") == 0
    options = (*LEARN, "--batch-tokens", "2048", "--steps", "60", "--eval-every", "60")
    assert train(data, learner(tmp_path, layers=1), tmp_path / "run", *options) == 0
    first, last = records(tmp_path / "run")[0], records(tmp_path / "run", "eval")[-1]
    assert last["loss_sbo"] < 0.5 * first["loss_sbo"]
    [(most_frequent, _)] = collections.Counter(labels_of(data, "train")).most_common(1)
    held_out = labels_of(data, "eval")
    assert last["accuracy_sbo"] > 5 * held_out.count(most_frequent) / len(held_out)
