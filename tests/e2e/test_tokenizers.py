"""Builds with tokenizers of every format: what is stored, told and refused."""

import gzip
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.build import main as build
from pipelines.follow import main as follow
from pipelines.planning import tokenizer_files
from pipelines.tokenizers.tiktoken_file import byte_characters
from pipelines.verify import main as verify
from tests.support.hub_stub import COMMIT, FORBIDDEN, hub_of
from tests.support.tokenizer_files import (
    SPECIAL,
    lines_of_sample,
    model_of,
    tiktoken_of,
    trained_model,
)

ROOT = Path(__file__).resolve().parents[2]
MARKS = ["--mask-token", "<mask>", "--cls-token", "<cls>", "--sep-token", "<sep>"]
MARKS += ["--pad-token", "<pad>", "--unk-token", "<unk>"]
ROBERTA = "--cls-token '<cls>' --sep-token '<sep>' --mask-token '<mask>' --pad-token '<pad>'"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    lines = lines_of_sample()
    path.write_text("\n\n".join("\n".join(lines[n : n + 4]) for n in range(0, 120, 4)), "utf-8")
    return path


def vocabulary_of(text: Path) -> bytes:
    letters = sorted(set(text.read_text("utf-8").lower()) - {"\n", " "})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    return "".join(f"{each}\n" for each in [*tokens, *(f"##{c}" for c in letters)]).encode()


@pytest.fixture(scope="module")
def files(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tokenizer of every kind."""
    folder = tmp_path_factory.mktemp("tokenizers")
    (folder / "spm.model").write_bytes(trained_model("unigram"))
    (folder / "bpe.model").write_bytes(trained_model("bpe"))
    (folder / "my_cl100k.tiktoken").write_bytes(tiktoken_of(b"th", b"the", b" the", b"in", b" in"))
    (folder / "bert").mkdir()
    (folder / "bert" / "vocab.txt").write_bytes(vocabulary_of(text))
    (folder / "bert" / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    (folder / "bert" / "pytorch_model.bin").write_bytes(b"PK\3\4")
    (folder / "vocab.txt.gz").write_bytes(gzip.compress(vocabulary_of(text)))
    (folder / "empty").mkdir()
    (folder / "gpt2").mkdir()
    letters = byte_characters()
    vocabulary = {token: number for number, token in enumerate([*letters, "th", "the"])}
    (folder / "gpt2" / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "gpt2" / "merges.txt").write_text("#version: 0.2\nt h\nth e\n", "utf-8")
    return folder


def run(text: Path, tokenizer: Path | str, out: Path, *more: str, recipe: str = "roberta") -> int:
    given = ["--input", str(text), "--tokenizer", str(tokenizer), "--output", str(out)]
    return build([recipe, *given, "--shards", "1", "--eval-fraction", "0", *more])


@pytest.mark.parametrize(
    ("name", "what", "more"),
    [
        ("spm.model", "SentencePiece model spm.model (unigram, ", MARKS),
        ("bpe.model", "SentencePiece model bpe.model (bpe, ", MARKS),
        ("my_cl100k.tiktoken", "tiktoken file my_cl100k.tiktoken (261 tokens, cut as ", MARKS),
        ("bert", "WordPiece vocabulary vocab.txt (", []),
    ],
)
def test_a_build_stores_the_converted_tokenizer(
    name: str,
    what: str,
    more: list[str],
    text: Path,
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert run(text, files / name, out, *more) == 0
    [told] = [line for line in capsys.readouterr().err.split("\n") if line[:10] == "tokenizer:"]
    assert told.startswith(f"tokenizer: {what}")
    assert "converted; 120 of 120 sampled lines have the same ids in " in told
    assert verify([str(out)]) == 0
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert told in manifest["notes"]
    # The file that it stores is a tokenizer like any other, and gives the same rows.
    assert run(text, out / "tokenizer.json", again, *more) == 0
    assert shards_of(again) == shards_of(out)
    stored = [folder / "tokenizer.json" for folder in (out, again)]
    assert stored[0].read_bytes() == stored[1].read_bytes()


def shards_of(folder: Path) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(folder.rglob("*.arrow"))]
    assert found
    return found


def test_a_compressed_vocabulary_is_read(
    text: Path, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(text, files / "vocab.txt.gz", tmp_path / "out", "--dry-run") == 0
    assert "tokenizer: WordPiece vocabulary vocab.txt (" in capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("empty", [], "empty: no file of a tokenizer is in that folder; name a tokenizers JSON"),
        ("none.model", [], "none.model: there is no such file"),
        ("bert/tokenizer_config.json", [], "tokenizer_config.json: the configuration of a tok"),
        ("bert/pytorch_model.bin", [], "pytorch_model.bin: no tokenizer that is known; name a"),
        (
            "spm.model",
            [],
            "spm.model: it has no token for mask, pad, which this recipe needs; append what it "
            "lacks with --mask-token '<mask>' --pad-token '<pad>'",
        ),
    ],
)
def test_what_is_refused(
    name: str,
    more: list[str],
    reason: str,
    text: Path,
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(text, files / name, tmp_path / "out", *more) == 2
    assert reason in refused(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "recipe", "lacking"),
    [
        ("spm.model", "roberta", "--mask-token '<mask>' --pad-token '<pad>'"),
        ("gpt2", "gpt", "--eod-token '<|endoftext|>'"),
        ("gpt2", "bert", ROBERTA),
        ("my_cl100k.tiktoken", "roberta", ROBERTA),
    ],
)
def test_all_that_is_lacking_is_told_at_once(
    name: str,
    recipe: str,
    lacking: str,
    text: Path,
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(text, files / name, tmp_path / "out", "--dry-run", recipe=recipe) == 2
    assert refused(capsys).endswith(f"needs; append what it lacks with {lacking}")
    given = ["--dry-run", *shlex.split(lacking)]
    assert run(text, files / name, tmp_path / "out", *given, recipe=recipe) == 0
    assert " 120 of 120 sampled lines have the same ids in " in capsys.readouterr().out


@pytest.fixture
def differing(tmp_path: Path) -> Path:
    """A model with a pair of scores that `tokenizers` adds up to something else."""
    pieces = [*SPECIAL, ("<mask>", 0.0, 3), ("<pad>", 0.0, 3), ("▁", -1.0), ("x", -1.0)]
    path = tmp_path / "odd.model"
    path.write_bytes(model_of(pieces))
    return path


def test_lines_with_other_ids_are_refused_or_accepted(
    differing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A control symbol is found in text where its characters are unknown."""
    text = tmp_path / "text.txt"
    text.write_text("x x x x\nx <s> x\nx x\n")
    out = tmp_path / "out"
    assert run(text, differing, out) == 2
    message = refused(capsys)
    assert "1 of 3 sampled lines have other ids than in sentencepiece " in message
    assert "'x <s> x' has the tokens <s>" in message
    assert message.endswith("accept it with --tokenizer-differences 1")
    assert run(text, differing, out, "--tokenizer-differences", "1", "--dry-run") == 0
    assert "2 of 3 sampled lines have the same ids in" in capsys.readouterr().out


def test_words_are_no_tokenizer(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("that 12\nthe 3\n")
    assert run(text, words, tmp_path / "out") == 2
    assert "words.txt: a list of words with counts, which " in refused(capsys)


_DOWNLOADS = """
import sys
from pipelines.tokenizers.hub import download
for name in sys.argv[1:]:
    try:
        print(download(name))
    except ValueError as error:
        print(error)
"""


def test_names_on_the_hub_are_downloaded_without_weights(text: Path, tmp_path: Path) -> None:
    """By a program of its own: huggingface_hub reads its variables once."""
    config = json.dumps({"do_lower_case": True}).encode()
    files = {"vocab.txt": vocabulary_of(text), "tokenizer_config.json": config}
    with hub_of({"owner/small": {**files, "model.safetensors": b"weights"}}) as (endpoint, asked):
        variables = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", _DOWNLOADS, "owner/small@v1", "owner/none", FORBIDDEN],
            env={**os.environ, **variables, "NO_PROXY": "127.0.0.1"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    folder, message, forbidden = done.stdout.splitlines()
    assert Path(folder).name == COMMIT
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir()} == files
    assert "GET /api/models/owner/small/revision/v1" in asked
    assert not any("safetensors" in path for path in asked)
    assert message == (
        "--tokenizer owner/none: there is no such file or folder, and the Hugging Face hub has "
        "none of this name, or it is private"
    )
    assert forbidden == f"--tokenizer {FORBIDDEN}: the Hugging Face hub refused it (403)"
    assert not done.stderr


def test_a_name_on_the_hub_is_read_as_its_folder(
    text: Path,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {"owner/bert@v1": files / "bert"}
    monkeypatch.setattr(tokenizer_files, "download", names.__getitem__)
    assert run(text, "owner/bert@v1", tmp_path / "out", "--dry-run") == 0
    assert "tokenizer: WordPiece vocabulary vocab.txt (" in capsys.readouterr().out


def test_without_a_network_a_name_is_refused_in_a_sentence(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(text, "bert-base-none", tmp_path / "out") == 2
    assert refused(capsys) == (
        "shardmill: --tokenizer bert-base-none: there is no such file or folder, and the Hugging "
        "Face hub cannot be reached to download one of this name"
    )


def test_a_stream_compares_every_window(
    text: Path, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = tmp_path / "in"
    watched.mkdir()
    options = ["--watch", f"{watched}/*", "--tokenizer", str(files / "spm.model"), *MARKS]
    options += ["--output", str(tmp_path / "out"), "--shards", "1", "--eval-fraction", "0"]
    parts = text.read_text("utf-8").split("\n\n")
    for name, part in (("a.txt", parts[:20]), ("b.txt", parts[20:])):
        (watched / name).write_text("\n\n".join(part), "utf-8")
        assert follow(["roberta", *options, "--once", "--settle", "0"]) == 0
        told = capsys.readouterr().err
        count = 4 * len(part)
        assert f"{count} of {count} sampled lines have the same ids in sentencepiece " in told
    assert verify([str(tmp_path / "out")]) == 0


def test_labelled_records_are_compared_too(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records.jsonl"
    rows = [{"text": line, "label": n % 2} for n, line in enumerate(lines_of_sample()[:20])]
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = ["--fields", "text,label", "--dry-run"]
    assert run(records, files / "bert", tmp_path / "out", *more, recipe="classify") == 0
    assert "20 of 20 sampled lines have the same ids in BertTokenizer" in capsys.readouterr().out
