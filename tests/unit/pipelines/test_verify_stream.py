"""`shardmill verify` finds each kind of damage of a stream, and says it in one sentence."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.verify import main
from schemas.manifest_file import seal
from schemas.sealed import open_sealed, sealed_json
from schemas.stream import GivenUp, PlannedFile, Section, StreamIndex, WindowPlan
from tests.support.followed_streams import add, add_text, followed_stream, index_of
from transforms.stream.seen_keys import Keys, window_keys, write_keys

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """Returns a stream of three windows, the second without rows, that a test may damage."""
    shutil.copytree(followed_stream(), tmp_path / "stream")
    return tmp_path / "stream"


def reseal(stream: Path, window: int, **values: Any) -> None:
    """Gives a window another manifest, and the index its checksum."""
    path = stream / "windows" / f"{window:08d}" / "manifest.json"
    text = seal({**json.loads(path.read_text("utf-8")), **values})
    path.write_text(text, "utf-8")
    windows = list(index_of(stream).windows)
    checksum = json.loads(text)["checksum"]
    windows[window] = dataclasses.replace(windows[window], checksum=checksum)
    change(stream / "index.json", StreamIndex, windows=tuple(windows))


def verdict_of(folder: Path, capsys: Captured, *options: str) -> Any:
    status = main([str(folder), "--json", *options])
    verdict = json.loads(capsys.readouterr().out)
    assert status == (0 if verdict["ok"] else 1)
    return verdict


def problems_of(folder: Path, capsys: Captured, *options: str) -> list[tuple[str, str]]:
    found = verdict_of(folder, capsys, "--no-replay", *options)["problems"]
    return [(problem["check"], problem["sentence"]) for problem in found]


def change(path: Path, kind: type[Any], **values: Any) -> None:
    """Writes another content of a sealed file, with the checksum that fits."""
    found = open_sealed(path.read_bytes(), kind, path)
    path.write_bytes(sealed_json(dataclasses.replace(found, **values)))


def test_an_untouched_stream_is_well(stream: Path, capsys: Captured) -> None:
    verdict = verdict_of(stream, capsys)
    assert verdict["ok"]
    assert verdict["skipped"] == {}
    assert main([str(stream)]) == 0
    out = capsys.readouterr().out
    named = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert {"log", "index", "windows", "invariants", "oracles"} <= named
    assert out.endswith("verification passed\n")


def test_oracles_judge_all_windows_together(stream: Path, capsys: Captured) -> None:
    def draws(folder: Path) -> dict[str, int]:
        judged = verdict_of(folder, capsys, "--no-replay")["oracles"]["train"]
        return {oracle["name"]: oracle["trials"] for oracle in judged}

    windows = [draws(stream / "windows" / name) for name in ("00000000", "00000002")]
    together = draws(stream)
    rate = "selected tokens are kept"
    assert rate in together, sorted(together.items())
    assert together[rate] == windows[0][rate] + windows[1][rate]


def test_a_bias_too_small_for_a_window_is_found_in_all(
    stream: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.verify_build
    from transforms.build.check_shard import ShardReport

    really = pipelines.verify_build.check_shard

    def biased(*arguments: Any, **named: Any) -> ShardReport:
        report = really(*arguments, **named)
        counts = dict(report.counts)
        moved = int(counts.get("mask.masked", 0) * 0.045)
        if moved:
            counts["mask.masked"] -= moved
            counts["mask.kept"] += moved
        return dataclasses.replace(report, counts=counts, problems=[])

    monkeypatch.setattr(pipelines.verify_build, "check_shard", biased)
    for part in (2, 3, 4, 5):
        add(stream, tmp_path / f"{part}.txt", part)
    found = problems_of(stream, capsys)
    assert any(sentence.startswith("all windows, train: ") for _, sentence in found)
    assert [sentence for _, sentence in found if sentence.startswith("window ")] == []


def test_a_flipped_byte_of_a_shard(stream: Path, capsys: Captured) -> None:
    path = next((stream / "windows/00000002/train").glob("*.arrow"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = problems_of(stream, capsys)
    sentence = f"window 2: train/{path.name} has another content: its sha256 differs"
    assert [check for check, _ in found] == ["checksums"]
    assert found[0][1].startswith(f"window 2: train/{path.name} "), sentence


def test_an_edited_plan(stream: Path, capsys: Captured) -> None:
    path = stream / "plans/00000001.json"
    path.write_bytes(path.read_bytes().replace(b'"window": 1', b'"window": 2'))
    assert problems_of(stream, capsys) == [
        ("log", "plans/00000001.json is damaged: its checksum differs")
    ]


def test_a_plan_under_another_number(stream: Path, capsys: Captured) -> None:
    change(stream / "plans/00000001.json", WindowPlan, window=2)
    found = problems_of(stream, capsys)
    assert found == [("log", "plans/00000001.json is the plan of window 2")]


def test_a_plan_with_a_file_twice(stream: Path, capsys: Captured) -> None:
    path = stream / "plans/00000002.json"
    (file,) = open_sealed(path.read_bytes(), WindowPlan, path).files
    change(path, WindowPlan, files=(file, file))
    assert problems_of(stream, capsys) == [("log", "plans/00000002.json names a file twice")]


def test_a_plan_of_other_files(stream: Path, capsys: Captured) -> None:
    path = stream / "plans/00000002.json"
    (file,) = open_sealed(path.read_bytes(), WindowPlan, path).files
    change(path, WindowPlan, files=(PlannedFile(path="a.txt", size=1, modified=1.0),))
    assert problems_of(stream, capsys) == [
        ("windows", "window 2: a.txt is planned, and was not read as planned"),
        ("windows", f"window 2: {file.path} was read, and is not planned"),
    ]


def test_files_that_were_given_up_are_not_missed(stream: Path, capsys: Captured) -> None:
    path = stream / "plans/00000002.json"
    (file,) = open_sealed(path.read_bytes(), WindowPlan, path).files
    gone = PlannedFile(path="a.txt", size=1, modified=1.0)
    change(path, WindowPlan, files=(gone, file))
    without = stream / "plans/00000002.without.json"
    without.write_bytes(sealed_json(GivenUp(window=2, files=("a.txt",))))
    assert problems_of(stream, capsys) == []
    without.write_bytes(without.read_bytes().replace(b"a.txt", b"b.txt"))
    assert problems_of(stream, capsys) == [
        ("log", f"window 2: {without} is damaged: its checksum differs")
    ]


def test_a_gap_in_the_plans(stream: Path, capsys: Captured) -> None:
    (stream / "plans/00000001.json").unlink()
    assert problems_of(stream, capsys) == [
        ("log", "plans/00000001.json is missing, and plans goes on to 00000002.json")
    ]


def test_fewer_plans_than_windows(stream: Path, capsys: Captured) -> None:
    (stream / "plans/00000002.json").unlink()
    assert problems_of(stream, capsys) == [
        ("log", "index.json: the last 1 window has no plan in plans")
    ]


def test_a_plan_that_is_not_committed_yet_is_well(stream: Path, capsys: Captured) -> None:
    plan = WindowPlan(window=3, files=())
    (stream / "plans/00000003.json").write_bytes(sealed_json(plan))
    assert problems_of(stream, capsys) == []


def test_an_index_that_names_a_window_that_is_not_there(stream: Path, capsys: Captured) -> None:
    shutil.rmtree(stream / "windows/00000002")
    found = problems_of(stream, capsys)
    assert [check for check, _ in found] == ["windows"]
    assert found[0][1].startswith("window 2: ")
    assert "00000002 holds no manifest.json" in found[0][1]


def test_a_window_built_with_another_seed(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    add(tmp_path / "other", tmp_path / "0.txt", 0, "bert-wwm", "--seed", "5")
    window = stream / "windows/00000000"
    shutil.rmtree(window)
    shutil.copytree(tmp_path / "other/windows/00000000", window)
    found = problems_of(stream, capsys)
    sentence = "window 0: its manifest is not the one that index.json names: the checksum differs"
    assert ("index", sentence) in found
    seed = json.loads((window / "manifest.json").read_text("utf-8"))["seed"]
    sentence = f"window 0: its seed {seed} is not the one that stream.json gives window 0"
    assert ("windows", sentence) in found


def test_a_window_in_the_place_of_another(stream: Path, capsys: Captured) -> None:
    windows = stream / "windows"
    shutil.rmtree(windows / "00000002")
    shutil.copytree(windows / "00000000", windows / "00000002")
    entry = dataclasses.replace(index_of(stream).windows[0], window=2)
    change(stream / "index.json", StreamIndex, windows=(*index_of(stream).windows[:2], entry))
    sentences = [sentence for _, sentence in problems_of(stream, capsys)]
    assert any("is not the one that stream.json gives window 2" in each for each in sentences)
    assert any(" was read, and is not planned" in each for each in sentences)


def test_an_edited_index(stream: Path, capsys: Captured) -> None:
    path = stream / "index.json"
    path.write_bytes(path.read_bytes().replace(b'"rows": ', b'"rows": 1', 1))
    advice = "delete it, and the next `shardmill follow` writes it again"
    assert problems_of(stream, capsys) == [
        ("log", f"{path} is damaged: its checksum differs; {advice}")
    ]


def test_an_index_with_other_totals(stream: Path, capsys: Captured) -> None:
    first, *rest = index_of(stream).windows
    wrong = dataclasses.replace(first, documents=first.documents + 1, splits=rest[0].splits)
    change(stream / "index.json", StreamIndex, windows=(wrong, *rest))
    documents = first.documents
    assert problems_of(stream, capsys) == [
        (
            "index",
            f"window 0: index.json says {documents + 1} documents, the manifest {documents}",
        ),
        ("index", "window 0: index.json has other rows or tokens of it than its manifest"),
    ]


def test_a_window_of_another_recipe(stream: Path, capsys: Captured) -> None:
    path = stream / "windows/00000001/manifest.json"
    recipe = json.loads(path.read_text("utf-8"))["recipe"]
    recipe["settings"]["copies"] = 3
    reseal(stream, 1, recipe=recipe)
    assert problems_of(stream, capsys)[0] == (
        "windows",
        "window 1: it is built otherwise than stream.json says: recipe.settings.copies: the window "
        "3, stream.json 2",
    )


def test_a_window_of_another_tokenizer(stream: Path, capsys: Captured) -> None:
    path = stream / "windows/00000001/manifest.json"
    tokenizer = json.loads(path.read_text("utf-8"))["tokenizer"]
    reseal(stream, 1, tokenizer={**tokenizer, "vocab_size": 3001}, sentences="lines")
    assert problems_of(stream, capsys)[0] == (
        "windows",
        "window 1: it is built otherwise than stream.json says: tokenizer.vocab_size: the window "
        "3001, stream.json 3000 (and 1 more)",
    )


def test_a_section_that_the_index_does_not_name(stream: Path, capsys: Captured) -> None:
    section = Section(section=1, first=2, software={}, data_version=1)
    (stream / "sections/00000001.json").write_bytes(sealed_json(section))
    assert problems_of(stream, capsys) == [
        ("index", "window 2: index.json says section 0, the log says 1")
    ]


def test_a_window_of_other_libraries_than_its_section(stream: Path, capsys: Captured) -> None:
    path = stream / "windows/00000002/manifest.json"
    software = json.loads(path.read_text("utf-8"))["software"]
    reseal(stream, 2, software={**software, "tokenizers": "0.1"})
    sentence = "window 2: it was built with other libraries than section 0 names"
    assert problems_of(stream, capsys) == [("windows", sentence)]


def test_sections_that_go_back(stream: Path, capsys: Captured) -> None:
    path = stream / "sections/00000000.json"
    section = open_sealed(path.read_bytes(), Section, path)
    again = dataclasses.replace(section, section=1)
    (stream / "sections/00000001.json").write_bytes(sealed_json(again))
    found = problems_of(stream, capsys)
    sentence = "sections/00000001.json begins at window 0; it must begin behind window 0"
    assert ("log", sentence) in found


def test_a_section_that_is_missing(stream: Path, capsys: Captured) -> None:
    (stream / "sections/00000000.json").unlink()
    assert problems_of(stream, capsys) == [("log", "sections holds no section")]


def test_a_document_in_two_windows(stream: Path, capsys: Captured) -> None:
    shard = "train-shard-00000-of-00002"
    keys = [window_keys(str(stream), window, shard) for window in (0, 2)]
    twice = Keys(keys[0].first[:1], keys[0].second[:1])
    write_keys(str(stream), 2, shard, Keys.merged([keys[1], twice]))
    came = sum(len(each.first) for each in keys)
    assert problems_of(stream, capsys) == [
        ("documents", f"{shard}: 1 document is in two windows, such as 0 and 2"),
        (
            "documents",
            f"{shard}: {came + 1} documents came, and {came} entered a window and 0 wait",
        ),
    ]


def test_keys_that_are_missing(stream: Path, capsys: Captured) -> None:
    path = stream / "keys/00000001/eval-shard-00000-of-00001.keys"
    path.unlink()
    found = problems_of(stream, capsys)
    assert [check for check, _ in found] == ["documents"]
    assert found[0][1].startswith(f"{path} is missing")


def test_documents_that_wait_are_counted(tmp_path: Path, capsys: Captured) -> None:
    folder, text = tmp_path / "stream", tmp_path / "1.txt"
    add(folder, tmp_path / "0.txt", 0)
    # A document alone has no other for its second segment.
    add_text(folder, text, "A kettle sang. The steam rose. It was late.")
    assert list((folder / "held").rglob("*.arrows"))
    assert problems_of(folder, capsys) == []
    (held,) = (path for path in (folder / "held").rglob("*.arrows") if path.stat().st_size)
    held.unlink()
    ((check, sentence),) = problems_of(folder, capsys)
    assert check == "documents"
    assert sentence.endswith("entered a window and 0 wait")


def test_rows_of_earlier_windows_are_not_read(stream: Path, capsys: Captured) -> None:
    path = next((stream / "windows/00000000/train").glob("*.arrow"))
    path.write_bytes(b"")
    assert problems_of(stream, capsys, "--from-window", "1") == []
    assert problems_of(stream, capsys, "--from-window", "0") != []


def test_notes_of_windows_are_told_once(stream: Path, capsys: Captured) -> None:
    for name in ("00000000", "00000002"):
        path = stream / "windows" / name / "manifest.json"
        manifest = json.loads(path.read_text("utf-8"))
        manifest["notes"] = ["few rows"]
        path.write_text(seal(manifest), "utf-8")
    verdict = verdict_of(stream, capsys, "--no-replay")
    assert verdict["notes"] == ["2 windows: few rows"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from-window", "3"], "--from-window 3: "),
        (["--from-window", "-1"], "--from-window: must be a whole number of at least 0"),
    ],
)
def test_windows_that_there_are_not(
    options: list[str], told: str, stream: Path, capsys: Captured
) -> None:
    assert main([str(stream), *options]) == 2
    assert told in capsys.readouterr().err


def test_a_window_option_needs_a_stream(stream: Path, capsys: Captured) -> None:
    assert main([str(stream / "windows/00000000"), "--from-window", "0"]) == 2
    assert "--from-window is for streams, and " in capsys.readouterr().err


def test_a_stream_that_only_began(stream: Path, capsys: Captured) -> None:
    (stream / "index.json").unlink()
    assert main([str(stream)]) == 2
    told = capsys.readouterr().err
    assert "holds a stream without a committed window; run its `shardmill follow`" in told


def test_a_stream_of_another_version(stream: Path, capsys: Captured) -> None:
    change(stream / "index.json", StreamIndex, format_version=99)
    ((check, sentence),) = problems_of(stream, capsys)
    assert check == "log"
    assert "is of version 99 of streams, and this program knows version 1" in sentence


def test_an_index_out_of_order(stream: Path, capsys: Captured) -> None:
    windows = index_of(stream).windows
    change(stream / "index.json", StreamIndex, windows=windows[::-1])
    sentence = f"{stream}/index.json is damaged: its windows are not 0, 1, 2, ..."
    assert problems_of(stream, capsys) == [("log", sentence)]
