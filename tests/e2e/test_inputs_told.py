"""What commands say of input that is not what it is called, before they write anything."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.cli import main
from tests.support.sample_builds import manifest_of, sample_documents, shard_paths, tokenizer_file

COMMANDS = {
    "build": ["build", "bert", "--tokenizer", str(tokenizer_file("wordpiece"))],
    "annotate": ["annotate", "--phrases", "jieba"],
    "vocab": ["vocab", "--model", "bpe", "--size", "400"],
}
TEXT = b"\n\n".join(sample_documents()).decode()
CSV = "label,text\n" + "".join(f'good,"{document}"\n' for document in TEXT.split("\n\n"))
INPUTS = {
    "wiki_00": (CSV.encode(), "looks like CSV; give --format csv if its first"),
    "a.txt": (
        TEXT.encode("gb18030"),
        "is not UTF-8 and looks like gb18030; give --encoding gb18030",
    ),
    "a.parquet": (TEXT.encode(), "is read as Parquet and looks like text"),
    "a.jsonl": (
        b'{"body": "a"}\n',
        "has no field 'text': its first record has body; name one with",
    ),
    "a.csv": (b"a,b\n1,2\n", "has no column 'text'; its columns are a, b: name one of them with"),
    "a.xml": (b"<a/>", "is named as markup; extract its text first"),
    "a.wet": (TEXT.encode(), "is read as a web archive and looks like text"),
    "a.gz": (TEXT.encode(), "is named as gzip and looks uncompressed; rename it without .gz"),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_refused_before_anything_is_written(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, told = INPUTS[name]
    (tmp_path / name).write_bytes(data)
    output = tmp_path / "out"
    assert main([*COMMANDS[command], "--input", f"{tmp_path}/{name}", "--output", str(output)]) == 2
    [said] = [line for line in capsys.readouterr().err.split("\n") if line]
    assert f"{tmp_path}/{name} {told}" in said
    assert not (output / "manifest.json").exists()
    assert not output.is_file()


def build(folder: Path, options: Sequence[str]) -> list[bytes]:
    arguments = [*COMMANDS["build"], "--output", str(folder), "--shards", "1", *options]
    assert main([*arguments, "--eval-fraction", "0"]) == 0
    return [path.read_bytes() for path in shard_paths(folder)]


def test_shards_do_not_depend_on_the_encoding(tmp_path: Path) -> None:
    texts = {
        "utf-8": TEXT.encode(),
        "gb18030": TEXT.encode("gb18030"),
        "utf-16": TEXT.encode("utf-16"),
    }
    shards = {}
    for encoding, data in texts.items():
        (tmp_path / f"{encoding}.txt").write_bytes(data)
        options = ["--input", f"{tmp_path}/{encoding}.txt", "--encoding", encoding]
        shards[encoding] = build(tmp_path / encoding, options)
    assert shards["gb18030"] == shards["utf-16"] == shards["utf-8"]
    assert manifest_of(tmp_path / "utf-16")["inputs"][0]["encoding"] == "utf-16"


def test_shards_do_not_depend_on_how_dialogues_are_stored(tmp_path: Path) -> None:
    dialogues = [text.split("\n") for text in TEXT.split("\n\n") if text.count("\n") > 1]
    speakers = ("human", "gpt")
    stored = {
        "plain": [{"turns": turns} for turns in dialogues],
        "objects": [
            {"turns": [{"from": speakers[n % 2], "value": x} for n, x in enumerate(turns)]}
            for turns in dialogues
        ],
    }
    shards = []
    for name, records in stored.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        shards.append(build(tmp_path / name, ["--input", str(path), "--text-field", "turns"]))
    assert shards[0] == shards[1]
