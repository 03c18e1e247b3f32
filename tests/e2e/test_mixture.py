"""A mixture is built from one text, and each of its members is a build of its own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipelines.planning.members
from pipelines.cli import main
from pipelines.running.local_runner import LocalRunner
from schemas.errors import RunError
from tests.support.sample_builds import manifest_of, stored_rows
from transforms.objectives import OBJECTIVES
from transforms.objectives.mixture import Member, Mixture

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]
Captured = pytest.CaptureFixture[str]

MEMBERS = ("bert-wwm", "albert", "roberta-wwm-ext", "bert")
MIXED = ("--members", "bert-wwm,albert=2,roberta-wwm-ext,bert=0.5", "--copies", "3")


@pytest.fixture(scope="module")
def mixture(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixture") / "out"
    assert build(folder, *MIXED, recipe="mixture") == 0
    return folder


def without_objective(path: Path) -> pa.Table:
    table = pa.ipc.open_file(path).read_all()
    assert set(table.column("objective").to_pylist()) <= {path.parent.parent.name}
    return table.drop_columns(["objective"])


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_is_what_its_recipe_builds_alone(
    build: Build, mixture: Path, digests: Digests, tmp_path: Path, member: str
) -> None:
    alone, named = tmp_path / member, tmp_path / "named"
    assert build(alone, "--copies", "3", recipe=member) == 0
    shards = sorted(alone.glob("*/*.arrow"))
    assert len(shards) == 5
    for shard in shards:
        table = without_objective(mixture / member / shard.relative_to(alone))
        assert table.equals(pa.ipc.open_file(shard).read_all())
    # With the column the files are the same, byte for byte.
    assert build(named, "--copies", "3", "--set", "objective_column=true", recipe=member) == 0
    assert digests(mixture / member) == digests(named)
    there, here = manifest_of(mixture / member), manifest_of(named)
    assert there.keys() == here.keys()
    # Options are saved in the folder of the mixture, which alone can be built again by them.
    assert here["files"].pop("build.toml")
    assert {name for name in here if here[name] != there[name]} == {"checksum"}


def test_the_manifest_tells_of_all_members(mixture: Path) -> None:
    manifest = manifest_of(mixture)
    assert manifest["mixture"] == {"name": "mixture", "order": list(MEMBERS)}
    weights = [manifest["members"][name]["weight"] for name in MEMBERS]
    assert weights == [1.0, 2.0, 1.0, 0.5]
    for name in MEMBERS:
        told, own = manifest["members"][name], manifest_of(mixture / name)
        assert told["checksum"] == own["checksum"]
        assert told["recipe"] == own["recipe"]
        assert told["splits"]["train"]["rows"] == own["splits"]["train"]["rows"]
        assert own["documents"] == manifest["documents"]
    assert manifest_of(mixture / "bert")["segmenter"] is None
    assert not list(mixture.rglob(".shardmill"))
    assert "bert-wwm/report.html" in (mixture / "report.html").read_text("utf-8")
    assert "config_name: albert" in (mixture / "README.md").read_text("utf-8")


def test_verify_goes_over_the_members(mixture: Path, capsys: Captured) -> None:
    assert main(["verify", str(mixture), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert list(found["members"]) == list(MEMBERS)
    assert all(member["ok"] and not member["skipped"] for member in found["members"].values())
    assert main(["verify", str(mixture)]) == 0
    assert capsys.readouterr().out.count("verification passed") == 5


def verified(folder: Path, capsys: Captured) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["verify", str(folder), "--json"]) == 1
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    return found


def test_verify_finds_what_is_wrong(build: Build, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out"
    small = ("--members", "bert,albert", "--copies", "1")
    assert build(out, *small, recipe="mixture") == 0
    shard = next((out / "albert" / "train").glob("*.arrow"))
    content = shard.read_bytes()
    shard.write_bytes(content[:-10])
    found = verified(out, capsys)
    assert found["members"]["bert"]["ok"]
    assert found["members"]["albert"]["problems"][0]["check"] == "checksums"
    shard.write_bytes(content)

    other = tmp_path / "other"
    options = ("--copies", "2", "--set", "objective_column=true")
    assert build(other, *options, recipe="albert") == 0
    own = (out / "albert" / "manifest.json").read_bytes()
    (out / "albert" / "manifest.json").write_bytes((other / "manifest.json").read_bytes())
    sentence = verified(out, capsys)["problems"][0]["sentence"]
    assert sentence == "albert: its manifest has changed since the mixture was built"

    (out / "albert" / "manifest.json").unlink()
    problems = verified(out, capsys)["members"]["albert"]["problems"]
    assert "holds no manifest.json" in problems[0]["sentence"]
    (out / "albert" / "manifest.json").write_bytes(own)

    manifest = (out / "manifest.json").read_text("utf-8")
    (out / "manifest.json").write_text(manifest.replace('"weight": 1.0', '"weight": 9.0', 1))
    assert "edited" in verified(out, capsys)["problems"][0]["sentence"]
    (out / "manifest.json").write_text(manifest)
    assert main(["verify", str(out)]) == 0


def test_a_split_without_rows_is_told(build: Build, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out"
    options = ("--members", "bert,albert", "--copies", "1", "--eval-fraction", "1e-9")
    assert build(out, *options, recipe="mixture") == 0
    sentence = "the split eval has no rows"
    assert capsys.readouterr().err.count(sentence) == 2
    for name in ("README.md", "report.html"):
        assert f"Note: albert: {sentence}" in (out / name).read_text("utf-8")
        assert f"Note: {sentence}" in (out / "bert" / name).read_text("utf-8")
    assert main(["verify", str(out)]) == 0
    assert f"note: bert: {sentence}" in capsys.readouterr().out
    assert main(["verify", str(out / "bert"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"][0].startswith(sentence)


def test_a_wrong_objective_is_found(mixture: Path, tmp_path: Path) -> None:
    from schemas.vocabulary import read_vocabulary
    from transforms.build.examine import examine
    from transforms.objectives.settings import recipe_from

    manifest = manifest_of(mixture / "bert")
    recipe = recipe_from("bert", manifest["recipe"]["settings"])
    vocabulary = read_vocabulary((mixture / "tokenizer.json").read_text("utf-8"))
    path = next((mixture / "bert" / "train").glob("*.arrow"))
    batch = pa.ipc.open_file(path).get_batch(0)
    assert examine(batch, recipe, vocabulary).breaches == {}
    names = pa.array(["bert"] * 3 + ["albert"] + ["bert"] * (len(batch) - 4))
    spoiled = batch.set_column(
        batch.schema.get_field_index("objective"),
        batch.schema.field("objective"),
        names.dictionary_encode().cast(batch.schema.field("objective").type),
    )
    findings = examine(spoiled, recipe, vocabulary)
    assert findings.breaches == {"objective is not the name of the recipe": 1}
    assert findings.first_rows == {"objective is not the name of the recipe": 3}


def test_inspect_and_export_go_over_the_members(
    mixture: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert main(["inspect", str(mixture), "--rows", "2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["objective"] for row in rows] == [name for name in MEMBERS for _ in range(2)]
    assert main(["inspect", str(mixture), "--html", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_bytes() == (mixture / "report.html").read_bytes()
    assert main(["export", str(mixture), "--to", "parquet", "--output", str(tmp_path / "hf")]) == 0
    for name in MEMBERS:
        files = sorted((tmp_path / "hf" / name / "train").glob("*.parquet"))
        rows_written = sum(pq.read_metadata(path).num_rows for path in files)
        assert rows_written == 3 * manifest_of(mixture / name)["splits"]["train"]["rows"]


def test_a_finished_mixture_is_left_alone(build: Build, mixture: Path, capsys: Captured) -> None:
    before = {path: path.stat().st_mtime_ns for path in mixture.rglob("*.*")}
    assert build(mixture, *MIXED, recipe="mixture") == 0
    assert "already holds this build" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in mixture.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ("albert=2,bert-wwm,roberta-wwm-ext,bert=0.5", "mixture.order: there"),
        ("bert-wwm,albert=3,roberta-wwm-ext,bert=0.5", "members.albert.weight: there 2.0, here 3"),
        ("bert-wwm,albert=2,roberta-wwm-ext", 'mixture.order: there "bert", not here'),
    ],
)
def test_another_mixture_is_refused(
    build: Build, mixture: Path, capsys: Captured, members: str, told: str
) -> None:
    assert build(mixture, "--members", members, "--copies", "3", recipe="mixture") == 2
    assert told in capsys.readouterr().err


def test_overwriting_leaves_nothing_of_the_other_build(build: Build, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small = ("--copies", "1", "--overwrite")
    assert build(out, "--members", "bert,albert", *small, recipe="mixture") == 0
    (out / "mine.txt").write_text("mine")
    assert build(out, "--members", "bert,roberta-wwm-ext", *small, recipe="mixture") == 0
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"bert", "roberta-wwm-ext"}
    assert build(out, *small, recipe="bert") == 0
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"train", "eval"}
    assert build(out, "--members", "bert,albert", *small, recipe="mixture") == 0
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"bert", "albert"}
    assert (out / "mine.txt").read_text() == "mine"


def test_rejected_records_are_told_once(build: Build, tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "text.jsonl"
    good = "".join(json.dumps({"text": f"One line {n}.\nAnother."}) + "\n" for n in range(60))
    text.write_text(good + '{"text": 3}\n')
    options = ("--members", "bert,albert", "--copies", "1", "--input", str(text))
    out = tmp_path / "out"
    assert build(out, *options, "--shards", "1", recipe="mixture") == 1
    assert "1 record was rejected" in capsys.readouterr().err
    assert not list(out.rglob("manifest.json"))
    assert build(out, *options, "--shards", "1", "--max-rejected", "1", recipe="mixture") == 0
    assert len(list(out.rglob("rejected"))) == 1
    counts = [
        sum(manifest_of(out / name)["documents"]["rejected"].values()) for name in ("", "bert")
    ]
    assert counts == [1, 1]


@pytest.mark.parametrize("options", [["--workers", "2"]], ids=["two-workers"])
def test_a_killed_mixture_goes_on(
    build: Build,
    start_build: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    options: list[str],
    digests: Digests,
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    chosen = ("--members", "roberta-wwm-ext,roberta", "--shards", "60", "--set", "copies=30")
    assert build(whole, *chosen, "--eval-fraction", "0", recipe="mixture") == 0
    chosen = (*chosen, "--eval-fraction", "0")
    process = start_build(out, *chosen, *options, recipe="mixture")
    deadline = time.monotonic() + 60
    while len(list(out.glob("*/.shardmill/*-of-*.json"))) < 5:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not list(out.rglob("manifest.json"))
    kept = {
        path.parent.parent.name + "/" + json.loads(path.read_text())["path"]
        for path in out.glob("*/.shardmill/*-of-*.json")
    }
    # An entry comes before its file.
    kept = {name for name in kept if (out / name).exists()}
    before = {name: (out / name).stat().st_ino for name in kept}
    assert 3 <= len(kept) < 120
    assert build(out, *chosen, recipe="mixture") == 0
    assert {name: (out / name).stat().st_ino for name in kept} == before
    for member in ("roberta-wwm-ext", "roberta"):
        assert digests(out / member) == digests(whole / member)
    assert manifest_of(out) == manifest_of(whole)
    assert main(["verify", str(out), "--no-replay"]) == 0


def test_killed_between_the_manifests(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, options = tmp_path / "out", ("--members", "bert,albert", "--copies", "1")

    def killed(*_: object) -> None:
        raise RunError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.report.finish.write_mixture", killed)
        assert build(out, *options, recipe="mixture") == 1
    assert len(list(out.rglob("manifest.json"))) == 2
    assert main(["verify", str(out)]) == 2

    def no_pipeline(*_: object) -> None:
        raise AssertionError("all shards are there")

    monkeypatch.setattr(LocalRunner, "started", no_pipeline)
    assert build(out, *options, recipe="mixture") == 0
    assert main(["verify", str(out)]) == 0


def test_a_full_disk_leaves_nothing_half_written(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    out, options = tmp_path / "out", ("--members", "bert,albert", "--copies", "1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("transforms.build.write_shard.HashingFile.write", full)
        assert build(out, *options, recipe="mixture") == 1
    assert "No space left on device" in capsys.readouterr().err
    assert not list(out.rglob("shard*.arrow"))
    assert build(out, *options, recipe="mixture") == 0


def test_a_member_that_cannot_be_built_is_told(
    build: Build, tmp_path: Path, capsys: Captured
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("One sentence.\nAnother one.\nAnd a third.\n")
    options = ("--input", str(text), "--shards", "1", "--eval-fraction", "0")
    members = ("--members", "roberta-wwm-ext,bert")
    assert build(tmp_path / "out", *options, *members, recipe="mixture") == 1
    told = capsys.readouterr().err
    assert "has a single document, and bert takes the second segment" in told
    assert list((tmp_path / "out" / "roberta-wwm-ext" / "train").glob("*.arrow"))


def test_fields_of_one_member_and_of_all(build: Build, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out"
    options = ("--members", "bert,albert", "--copies", "2", "--max-seq-length", "64")
    own = ("--set", "albert:copies=1", "--set", "albert:pair.random_is_swapped=true")
    assert build(out, *options, *own, recipe="mixture") == 0
    settings = [manifest_of(out / name)["recipe"]["settings"] for name in ("bert", "albert")]
    assert [each["copies"] for each in settings] == [2, 1]
    assert [each["max_seq_length"] for each in settings] == [64, 64]
    assert settings[1]["pair.random_is_swapped"] is True
    rows = stored_rows(next((out / "albert" / "train").glob("*.arrow")))
    assert {len(row["mlm_positions"]) for row in rows} == {1}


@pytest.mark.parametrize(
    ("recipe", "options", "told"),
    [
        ("mixture", [], "mixture needs --members, such as bert-wwm,albert=2"),
        ("mixture", ["--members", "bert"], "a mixture has at least two members"),
        ("mixture", ["--members", "bert,bert"], "bert stands twice in mixture"),
        ("mixture", ["--members", "bert,albrt"], "did you mean albert"),
        ("mixture", ["--members", "bert,albert=x"], "--members albert=x: must be a number above 0"),
        ("mixture", ["--members", "bert,albert=0"], "must be a number above 0, got '0'"),
        ("bert", ["--members", "bert,albert"], "--members goes with the name 'mixture'"),
        (
            "mixture",
            ["--members", "bert,albert", "--set", "albrt:copies=1"],
            "mixture has no member 'albrt'; did you mean albert",
        ),
        (
            "mixture",
            ["--members", "bert,albert", "--set", "pair.random_is_swapped=true"],
            "there is no setting 'pair.random_is_swapped'",
        ),
    ],
)
def test_what_cannot_be_mixed_is_told(
    build: Build, tmp_path: Path, capsys: Captured, recipe: str, options: list[str], told: str
) -> None:
    assert build(tmp_path / "out", *options, recipe=recipe) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_mixture_with_a_name(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    named = Mixture(
        name="two",
        summary="Two of them.",
        source="a paper",
        members=(Member(OBJECTIVES["bert"]), Member(OBJECTIVES["albert"], 3)),
    )
    monkeypatch.setattr(pipelines.planning.members, "MIXTURES", {"two": named})
    assert build(tmp_path / "out", "--copies", "1", recipe="two") == 0
    manifest = manifest_of(tmp_path / "out")
    assert manifest["mixture"] == {"name": "two", "order": ["bert", "albert"]}
    assert main(["recipes", "two"]) == 0
    assert "Two of them." in capsys.readouterr().out
    assert main(["recipes", "two", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["recipe"]["name"] for each in told["members"]] == ["bert", "albert"]
    assert main(["recipes", "two", "--plan", "--steps", "12"]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table == [
        ["stage", "1", "2", "all"],
        ["first", "step", "1", "3", "-"],
        ["bert", "2", "1", "3"],
        ["albert", "-", "9", "9"],
        ["together", "2", "10", "12"],
    ]


def test_a_dry_run_shows_all_members(build: Build, tmp_path: Path, capsys: Captured) -> None:
    options = ("--members", "bert,albert", "--dry-run")
    assert build(tmp_path / "out", *options, recipe="mixture") == 0
    shown = capsys.readouterr().out
    assert "recipe   bert: " in shown
    assert "recipe   albert: " in shown
    assert "4 for training, 1 for evaluation, of each recipe" in shown
    assert not (tmp_path / "out").exists()


def test_the_plan_of_the_paper_is_shown(capsys: Captured) -> None:
    members = "bert,bert-wwm,roberta,albert"
    assert main(["recipes", "mixture", "--members", members, "--plan"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told[1] == ["first", "step", "1", "20,001", "60,001", "120,001", "-"]
    assert told[3] == ["bert-wwm", "-", "30,000", "10,000", "10,000", "50,000"]
    assert told[5] == ["albert", "-", "-", "-", "50,000", "50,000"]
    assert main(["recipes", "bert", "--plan"]) == 2
    assert "go with the name of a mixture" in capsys.readouterr().err


def test_killed_before_it_said_what_it_builds(build: Build, mixture: Path, tmp_path: Path) -> None:
    """Only the locks are there; a folder with anything else is not taken."""
    out = tmp_path / "out"
    for folder in (out, out / "bert", out / "albert"):
        (folder / ".shardmill").mkdir(parents=True)
        (folder / ".shardmill" / "lock").touch()
    (out / "albert" / "notes.txt").write_text("mine")
    assert build(out, *MIXED, recipe="mixture") == 2
    (out / "albert" / "notes.txt").unlink()
    assert build(out, *MIXED, recipe="mixture") == 0
    assert manifest_of(out)["members"].keys() == manifest_of(mixture)["members"].keys()
    assert not list(out.rglob(".shardmill"))
