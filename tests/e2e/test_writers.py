"""One command at a time writes to a folder; one that was killed is gone on from by the next."""

import functools
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import pipelines.exporting.write_export
import pipelines.run_build
import pipelines.verify_build
import pipelines.waves
from pipelines.cli import main
from schemas.lock import hold, holder
from tests.support.forked import Forked
from tests.support.killed_builds import kill_at
from transforms.files.work_folder import (
    FolderRecord,
    LostFolderError,
    check_owner,
    digest_of,
    write_record,
)

Build = Callable[..., int]
Digests = Callable[[Path], dict[str, str]]
Captured = pytest.CaptureFixture[str]
SMALL = ("--shards", "2", "--eval-fraction", "0", "--copies", "1")


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def finished(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "out"
    assert build(folder, *SMALL, recipe="roberta") == 0
    return folder


def told(capsys: Captured) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_nobody_else_writes_or_reads_while_a_build_is_under_way(
    build: Build,
    sample: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    out = tmp_path / "out"
    text = ["--input", f"{sample}/en.txt"]
    others: list[Callable[[], int]] = [
        lambda: build(out, *SMALL, recipe="roberta"),
        lambda: build(out, *SMALL, "--seed", "7", "--overwrite", recipe="roberta"),
        lambda: build(out, *SMALL, "--members", "roberta,bert", recipe="mixture"),
        lambda: main(["annotate", *text, "--output", str(out), "--spacy-model", "none"]),
        lambda: main(["export", str(finished), "--to", "parquet", "--output", str(out)]),
        lambda: main(["export", str(out), "--to", "parquet", "--output", str(tmp_path / "x")]),
        lambda: main(["verify", str(out)]),
        lambda: main(["inspect", str(out)]),
    ]
    really = pipelines.run_build.finish
    codes, sentences = [], []

    def interrupted(*arguments: object) -> None:
        for other in others:
            capsys.readouterr()
            codes.append(other())
            sentences.append(told(capsys))
        really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipelines.run_build, "finish", interrupted)
    assert build(out, *SMALL, recipe="roberta") == 0
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    pattern = (
        rf"shardmill: {re.escape(str(out))} is being written by `shardmill build` "
        rf"\(process {os.getpid()} on .+\) {since}; wait until it has ended"
    )
    assert codes == [2] * len(others)
    assert [bool(re.match(pattern, sentence)) for sentence in sentences] == [True] * len(others)
    assert everything(out).keys() == everything(finished).keys()
    assert not (tmp_path / "x").exists()
    assert main(["verify", str(out)]) == 0


def test_a_member_is_held_with_its_mixture(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    out = tmp_path / "out"
    codes: list[int] = []

    def stopped(*_: object) -> None:
        codes.append(build(out / "bert", *SMALL, "--overwrite", recipe="bert"))
        raise KeyboardInterrupt

    monkeypatch.setattr(pipelines.run_build, "finish", stopped)
    mixed = ("--members", "bert,roberta", *SMALL)
    assert build(out, *mixed, recipe="mixture") == 130
    assert codes == [2]
    assert f"{out}/bert is being written by `shardmill build`" in capsys.readouterr().err
    with hold(out / "bert", "train"):
        assert build(out, *mixed, recipe="mixture") == 2
    assert f"{out}/bert is being written by `shardmill train`" in told(capsys)


def test_two_exports_and_a_build_at_once(
    build: Build, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    out = tmp_path / "o[1]"
    export = ["export", str(finished), "--to", "parquet", "--output", str(out)]
    really = pipelines.exporting.write_export.write_file
    codes: list[int] = []

    def interrupted(*arguments: object) -> object:
        if not codes:
            codes.append(main(export))
            codes.append(build(out, *SMALL, recipe="roberta"))
        return really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipelines.exporting.write_export, "write_file", interrupted)
    assert main(export) == 0
    assert codes == [2, 2]
    assert "is being written by `shardmill export`" in capsys.readouterr().err
    assert not (out / ".shardmill").exists()


def test_a_killed_export_goes_on(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    out = tmp_path / "out"
    export = ["export", str(finished), "--to", "parquet", "--output", str(out)]
    really = pipelines.exporting.write_export.write_file
    written: list[object] = []

    def killed(*arguments: object) -> object:
        if written:
            raise KeyboardInterrupt
        written.append(really(*arguments))  # type: ignore[arg-type]
        return written[0]

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.exporting.write_export, "write_file", killed)
        assert main(export) == 130
    assert not (out / "export.json").exists()
    first = out / "train" / "shard-00000-of-00002.parquet"
    time = first.stat().st_mtime_ns
    (out / "train" / "notes.txt").write_text("mine")
    assert main([*export, "--copies", "2"]) == 2
    assert main(export) == 0
    assert first.stat().st_mtime_ns == time
    assert "already there" in capsys.readouterr().out
    listed = {each["path"] for each in json.loads((out / "export.json").read_text())["files"]}
    assert listed == everything(out).keys() - {"export.json", "train/notes.txt"}
    content = first.read_bytes()
    for changed in (content[:-1], content[:100] + bytes([content[100] ^ 1]) + content[101:]):
        first.write_bytes(changed)
        assert main(export) == 2
        assert f"are not what was written: {first}" in told(capsys)
        assert first.read_bytes() == changed
    first.unlink()
    assert main(export) == 0
    assert first.read_bytes() == content


@pytest.mark.parametrize("instant", [1, 2, 3, 7, 12, 13])
def test_killed_at_any_name_that_appears(
    build: Build, finished: Path, sample: Path, tokenizer: Path, tmp_path: Path, instant: int
) -> None:
    """The record, two entries and shards, the counts, three notes and files, the manifest: 13."""
    out = tmp_path / "out"
    given = ["--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer), "--output", str(out)]
    first = functools.partial(kill_at, instant)
    killed = Forked(main, ["build", "roberta", *given, *SMALL], first=first)
    assert killed.ended() == -signal.SIGKILL, killed.written()
    halves = [path.name for path in out.rglob("*.tmp")]
    assert len(halves) >= 1
    assert holder(out) is None
    (out / "notes.txt").write_text("mine") if instant > 1 else None
    assert build(out, *SMALL, recipe="roberta") == 0
    (out / "notes.txt").unlink(missing_ok=True)
    assert everything(out) == everything(finished)
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["train"]


def test_a_flipped_bit_in_a_finished_shard_is_found(
    build: Build, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", killed)
        assert build(out, *SMALL, recipe="roberta") == 130
    shard = out / "train" / "shard-00001-of-00002.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    entry = out / ".shardmill" / "train-shard-00000-of-00002.json"
    entry.write_text(entry.read_text().replace('"rows": ', '"rows": 1'))
    assert build(out, *SMALL, recipe="roberta") == 0
    assert everything(out) == everything(finished)


@pytest.mark.parametrize("damage", ["", "{", "null", "{}", "[]", '{"checksum": 1}', "\xff", "[[["])
def test_a_damaged_record_is_one_sentence(
    build: Build, tmp_path: Path, capsys: Captured, damage: str
) -> None:
    record = tmp_path / "out" / ".shardmill" / "record.json"
    record.parent.mkdir(parents=True)
    record.write_text(damage, "latin-1")
    before = everything(tmp_path)
    for options in ((), ("--overwrite",)):
        assert build(tmp_path / "out", *SMALL, *options, recipe="roberta") == 2
        assert str(record) in told(capsys)
    assert everything(tmp_path) == before


def test_a_worker_writes_only_for_the_build_that_has_the_folder(tmp_path: Path) -> None:
    mine, other = {"seed": 1}, {"seed": 2}
    with pytest.raises(LostFolderError):
        check_owner(str(tmp_path), digest_of(mine))
    write_record(str(tmp_path), FolderRecord(command="build", identity=mine, files=()))
    check_owner(str(tmp_path), digest_of(mine))
    write_record(str(tmp_path), FolderRecord(command="build", identity=other, files=()))
    with pytest.raises(LostFolderError, match="was given to another run meanwhile"):
        check_owner(str(tmp_path), digest_of(mine))
    check_owner(str(tmp_path), "")


def test_a_folder_that_changes_hands_gets_no_shard(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """As when the launcher was killed, and a worker of its own lives on."""
    out = tmp_path / "out"
    really = pipelines.waves.run_waves

    def given_away(*arguments: object) -> None:
        write_record(str(out), FolderRecord(command="build", identity={"seed": 2}, files=()))
        really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipelines.waves, "run_waves", given_away)
    assert build(out, *SMALL, recipe="roberta") == 1
    assert f"{out} was given to another run meanwhile" in told(capsys)
    assert not list(out.rglob("*.arrow"))
    assert not list(out.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["o[1]", "o*", "a?b"])
def test_names_that_look_like_patterns(
    build: Build, finished: Path, tmp_path: Path, name: str, capsys: Captured
) -> None:
    for neighbour in ("o1", "ox", "axb"):
        (tmp_path / neighbour / "train").mkdir(parents=True)
        (tmp_path / neighbour / "train" / "shard-00000-of-00002.arrow").write_text("mine")
    out = tmp_path / name
    assert build(out, *SMALL, recipe="roberta") == 0
    assert everything(out) == everything(finished)
    assert main(["verify", str(out)]) == 0
    assert main(["inspect", str(out)]) == 0
    exported = tmp_path / f"{name}x"
    assert main(["export", str(out), "--to", "parquet", "--output", str(exported)]) == 0
    assert len(list((exported / "train").iterdir())) == 2
    assert build(out, *SMALL, "--seed", "7", "--overwrite", recipe="roberta") == 0
    assert everything(out).keys() == everything(finished).keys()
    for neighbour in ("o1", "ox", "axb"):
        assert everything(tmp_path / neighbour) == {"train/shard-00000-of-00002.arrow": b"mine"}


def test_the_layout_of_sphinx_survives(build: Build, tmp_path: Path, capsys: Captured) -> None:
    page = tmp_path / "d" / "_build" / "html" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("mine")
    for options in ((), ("--overwrite",)):
        assert build(tmp_path / "d", *SMALL, *options, recipe="roberta") == 2
        assert "is not empty and holds no Shardmill build or export (_build)" in told(capsys)
    assert everything(tmp_path) == {"d/_build/html/index.html": b"mine"}


def test_an_unfinished_build_of_the_first_release_is_told(
    build: Build, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "out" / "_build").mkdir(parents=True)
    (tmp_path / "out" / "_build" / "build.json").write_text("{}")
    assert build(tmp_path / "out", *SMALL, "--overwrite", recipe="roberta") == 2
    assert "holds an unfinished build of the first release (_build)" in told(capsys)
    assert everything(tmp_path) == {"out/_build/build.json": b"{}"}


def test_a_split_that_is_a_link_is_refused(
    build: Build, finished: Path, tmp_path: Path, capsys: Captured
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    assert build(out, *SMALL, recipe="roberta") == 0
    (out / "train").rename(elsewhere)
    (out / "train").symlink_to(elsewhere)
    before = everything(elsewhere)
    assert build(out, *SMALL, "--seed", "7", "--overwrite", recipe="roberta") == 2
    assert f"{out}/train (a symbolic link, not a folder)" in told(capsys)
    assert everything(elsewhere) == before
    assert (out / "manifest.json").exists()


def test_a_finished_build_that_lost_a_shard_is_not_passed(
    build: Build, finished: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    assert build(out, *SMALL, recipe="roberta") == 0
    (out / "train" / "shard-00001-of-00002.arrow").unlink()
    assert build(out, *SMALL, recipe="roberta") == 2
    assert f"missing or cut: {out}/train/shard-00001-of-00002.arrow" in told(capsys)
    assert build(out, *SMALL, "--overwrite", recipe="roberta") == 0
    assert everything(out) == everything(finished)


def test_every_file_is_listed_with_its_checksum(build: Build, sample: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{broken\n{"text": "One document."}\n')
    text = ["--input", f"{sample}/en.txt", "--input", f"{tmp_path}/bad.jsonl"]
    options = (*text, *SMALL, "--max-rejected", "1")
    assert build(tmp_path / "out", *options, recipe="roberta") == 0
    assert build(tmp_path / "mix", *options, "--members", "roberta,bert", recipe="mixture") == 0
    for folder in (tmp_path / "out", tmp_path / "mix", tmp_path / "mix" / "bert"):
        listed = json.loads((folder / "manifest.json").read_text())["files"]
        files = everything(folder)
        own = {
            name
            for name in files
            if name != "manifest.json"
            and not name.endswith(".arrow")
            and not name.startswith(("bert/", "roberta/"))
        }
        assert listed.keys() == own
        assert any(name.startswith("rejected/part-") for name in own) == (folder.name != "bert")
        assert {name: each["bytes"] for name, each in listed.items()} == {
            name: len(files[name]) for name in own
        }
        # A member's rejected records lie in its mixture, and all three are whole.
        assert main(["verify", str(folder), "--no-replay"]) == 0


def test_a_vocabulary_is_no_file_of_a_build(
    build: Build, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    out = tmp_path / "out"
    vocab = ["vocab", "--input", f"{sample}/en.txt", "--model", "wordpiece", "--size", "300"]
    really = pipelines.run_build.finish
    codes: list[int] = []

    def interrupted(*arguments: object) -> None:
        codes.append(main([*vocab, "--output", str(out / "tokenizer.json")]))
        codes.append(main([*vocab, "--output", str(out / "other.json")]))
        really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipelines.run_build, "finish", interrupted)
    assert build(out, *SMALL, recipe="roberta") == 0
    assert codes == [2, 2]
    assert f"{out} is being written by `shardmill build`" in capsys.readouterr().err
    before = everything(out)
    assert main([*vocab, "--output", str(out / "tokenizer.json"), "--overwrite"]) == 2
    assert f"belongs to what `shardmill build` made in {out}" in told(capsys)
    assert everything(out) == before


def test_members_that_another_build_replaced_are_told_and_made_again(
    build: Build, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "out"
    mixed = ("--members", "bert,roberta", *SMALL)
    assert build(out, *mixed, recipe="mixture") == 0
    before = everything(out)
    assert build(out / "bert", *SMALL, "--seed", "5", "--overwrite", recipe="bert") == 0
    capsys.readouterr()
    assert build(out, *mixed, recipe="mixture") == 2
    assert "by now its folders bert hold other builds" in told(capsys)
    assert build(out, *mixed, "--overwrite", recipe="mixture") == 0
    assert everything(out) == before


def test_what_is_read_is_not_cleared_away(
    build: Build, finished: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = shutil.copytree(finished, tmp_path / "out")
    before = everything(out)
    again = (*SMALL, "--overwrite", "--seed", "5")
    for given in (["--input", f"{tmp_path}/*/R*.md"], ["--tokenizer", f"{out}/tokenizer.json"]):
        assert build(out, *again, *given, recipe="roberta") == 2
        assert "--overwrite would delete what this command reads: " in told(capsys)
    assert build(out, *again, "--annotations", f"{out}/../out", recipe="ernie1") == 2
    assert "is the folder of --output" in told(capsys)
    assert everything(out) == before


def test_lost_records_of_reading_are_read_again(
    build: Build, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (tmp_path / "bad.jsonl").write_text('{broken\n{"text": "One document."}\n')
    text = ["--input", f"{sample}/en.txt", "--input", f"{tmp_path}/bad.jsonl"]
    options, out = (*text, *SMALL, "--max-rejected", "1"), tmp_path / "out"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", killed)
        assert build(out, *options, recipe="roberta") == 130
    for path in [*out.glob("rejected/*"), *out.glob(".shardmill/rejected-*")]:
        path.unlink()
    assert build(out, *options, recipe="roberta") == 0
    assert main(["verify", str(out), "--no-replay"]) == 0


def test_a_reader_says_that_the_folder_was_rebuilt(
    build: Build,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    out = shutil.copytree(finished, tmp_path / "out")
    really = pipelines.verify_build.check_shard

    def rebuilt(*arguments: object, **named: object) -> object:
        monkeypatch.undo()
        assert build(out, *SMALL, "--seed", "5", "--overwrite", recipe="roberta") == 0
        return really(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pipelines.verify_build, "check_shard", rebuilt)
    capsys.readouterr()
    assert main(["verify", str(out)]) == 2
    assert f"{out} was written to while it was verified" in told(capsys)
    assert main(["verify", str(out)]) == 0


def test_names_that_are_no_text(
    build: Build, sample: Path, tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / os.fsdecode(b"o\xff") / "new" / ".." / "out"
    assert build(out, *SMALL, recipe="roberta") == 0
    assert main(["verify", str(out)]) == 0
    text = tmp_path / os.fsdecode(b"t\xff.txt")
    text.write_bytes((sample / "en.txt").read_bytes())
    assert build(tmp_path / "x", *SMALL, "--input", f"{tmp_path}/*.txt", recipe="roberta") == 2
    assert "its name is not UTF-8; rename the file" in told(capsys)
