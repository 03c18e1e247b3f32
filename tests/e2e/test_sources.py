"""Builds of several sources, through the command line."""

import functools
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.cli import main
from schemas.manifest_file import seal
from tests.oracles.sources import halves_of
from tests.support.forked import Forked
from tests.support.killed_builds import entries, kill_at_name

Digests = Callable[[Path], dict[str, str]]
NAMES = ("english", "chinese", "mixed")


@pytest.fixture(scope="module")
def texts(documents: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three sources: English, Chinese, and some of both, of which some are shared."""
    folder = tmp_path_factory.mktemp("texts")
    every = {"english": documents[:40], "chinese": documents[40:], "mixed": documents[30:50]}
    for name, own in every.items():
        (folder / f"{name}-1.txt").write_text("\n\n".join([*own[:7], own[0]]), "utf-8")
        records = (json.dumps({"text": text}) + "\n" for text in [*own[7:], ""])
        (folder / f"{name}-2.jsonl").write_text("".join(records), "utf-8")
    return folder


def source_options(texts: Path) -> list[str]:
    weights = {"english": ":0.5", "chinese": "", "mixed": ":2.5"}
    options = []
    for name, weight in weights.items():
        options += ["--source", f"{name}={texts}/{name}-*{weight}"]
    return options


def run(tokenizer: Path, output: Path, *options: str, recipe: str = "roberta") -> int:
    return main(arguments(tokenizer, output, *options, recipe=recipe))


def arguments(tokenizer: Path, output: Path, *options: str, recipe: str = "roberta") -> list[str]:
    fixed = ["--tokenizer", str(tokenizer), "--shards", "3", "--eval-fraction", "0.1"]
    copies = ["--copies", "2", "--max-seq-length", "64"]
    return ["build", recipe, *options, *fixed, *copies, "--output", str(output)]


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def built(tokenizer: Path, texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources") / "out"
    assert run(tokenizer, folder, *source_options(texts), "--set", "store=source") == 0
    return folder


def test_the_manifest_counts_by_source(built: Path) -> None:
    manifest = manifest_of(built)
    documents = manifest["documents"]
    found = documents["sources"]
    assert manifest["sources"] == {"chinese": 1.0, "english": 0.5, "mixed": 2.5}
    assert [each["read"] for each in found.values()] == [41, 41, 21]
    assert [each["empty"] for each in found.values()] == [1, 1, 1]
    assert [each["files"] for each in found.values()] == [2, 2, 2]
    assert documents["read"] == 103
    # Each source repeats its first document, and ten of the mixed ones are Chinese.
    assert found["chinese"]["duplicates"] == 1
    assert found["chinese"]["documents"] == 40
    assert 0 < found["english"]["sampled_out"] < 41
    assert found["mixed"]["repeated"] > 20
    # Equal documents of a source are one, and those of several sources one of each.
    assert found["chinese"]["wanted"] == 40
    assert found["english"]["wanted"] + found["english"]["unwanted"] == 40
    assert found["mixed"]["wanted"] == 20
    assert {each["source"] for each in manifest["inputs"]} == {"chinese", "english", "mixed"}


def test_verify_finds_nothing(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(built)]) == 0
    assert "verification passed" in capsys.readouterr().out
    assert main(["verify", str(built), "--oracles", "--no-replay"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "documents of english are kept at the rate" in shown
    assert "documents of mixed are repeated once more at the rate" in shown
    report = (built / "report.html").read_text("utf-8")
    assert "each different document of it is kept with probability 50 %" in report


def test_a_share_that_the_weight_does_not_give_is_found(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 300 different documents, each there twice, as if those left out had been 130 fewer."""
    lines = "".join(f"This is document number {number % 300}.\n" for number in range(600))
    (tmp_path / "a.txt").write_text(lines, "utf-8")
    out = tmp_path / "out"
    options = ["--source", f"a={tmp_path}/a.txt:0.5", "--format", "lines"]
    assert run(tokenizer, out, *options) == 0
    manifest = manifest_of(out)
    found = manifest["documents"]["sources"]["a"]
    assert found["wanted"] + found["unwanted"] == 300
    assert found["sampled_out"] == 2 * found["unwanted"]
    assert main(["verify", str(out), "--no-replay"]) == 0
    found["unwanted"] -= 130
    shards = manifest["splits"]["train"]["shards"]
    missing = 130
    for shard in shards:
        taken = min(shard["sources"]["a"]["unwanted"], missing)
        shard["sources"]["a"]["unwanted"] -= taken
        missing -= taken
    (out / "manifest.json").write_text(seal(manifest), encoding="utf-8")
    capsys.readouterr()
    assert main(["verify", str(out), "--no-replay"]) == 1
    assert "train: documents of a are kept at the rate" in capsys.readouterr().out


def test_rows_and_report_name_their_source(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(built), "--json", "--rows", "3"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["source"] for row in rows} <= {"chinese", "english", "mixed"}
    numbers = [
        number
        for path in sorted(built.glob("*/*.arrow"))
        for number in pa.ipc.open_file(path).read_all()["source"].to_pylist()
    ]
    counted = [
        count
        for statistics in manifest_of(built)["statistics"].values()
        for name, count in statistics.items()
        if name.startswith("source.0") and name.endswith("rows")
    ]
    assert sum(counted) == numbers.count(0) > 0
    report = (built / "report.html").read_text("utf-8")
    assert "filtered" not in report[report.index('id="sources"') :]
    assert all(f'scope="row">{name}</th>' in report for name in ("chinese", "english", "mixed"))
    assert any(f" · source <b>{name}</b>" in report for name in NAMES)
    card = (built / "README.md").read_text("utf-8")
    found = manifest_of(built)["documents"]["sources"]["english"]
    line = next(line for line in card.splitlines() if line.startswith("| english |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["english", "0.5", "41", str(found["sampled_out"])]
    assert cells[6] == str(found["documents"])


def test_a_source_of_nothing_is_told(
    tokenizer: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("\n\n", "utf-8")
    given = ["--source", f"no={tmp_path}/empty.txt:2", "--source", f"en={texts}/english-*"]
    assert run(tokenizer, tmp_path / "out", *given) == 0
    note = "source no: none of its documents is in the shards, 0 were read"
    captured = capsys.readouterr()
    assert note in captured.out + captured.err
    assert manifest_of(tmp_path / "out")["notes"] == [note]


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("options", [["--workers", "2"], ["--runner=DirectRunner"]])
def test_order_workers_and_runner_do_not_matter(
    tokenizer: Path,
    texts: Path,
    built: Path,
    digests: Digests,
    tmp_path: Path,
    options: Sequence[str],
) -> None:
    given = source_options(texts)
    turned = [part for at in (4, 2, 0) for part in given[at : at + 2]]
    assert run(tokenizer, tmp_path / "out", *turned, *options, "--set", "store=source") == 0
    assert digests(tmp_path / "out") == digests(built)
    assert manifest_of(tmp_path / "out")["documents"] == manifest_of(built)["documents"]


@pytest.mark.parametrize("options", [["--workers", "1"], ["--runner=DirectRunner"]])
def test_waves_do_not_matter(
    tokenizer: Path,
    texts: Path,
    built: Path,
    digests: Digests,
    tmp_path: Path,
    options: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two waves read everything twice, and count it once.
    monkeypatch.setattr("pipelines.planning.plan.wave_shards", lambda *_: 2)
    given = source_options(texts)
    assert run(tokenizer, tmp_path / "out", *given, *options, "--set", "store=source") == 0
    assert digests(tmp_path / "out") == digests(built)
    assert manifest_of(tmp_path / "out")["documents"] == manifest_of(built)["documents"]


def test_a_killed_build_goes_on(
    tokenizer: Path, texts: Path, built: Path, digests: Digests, tmp_path: Path
) -> None:
    given = [*source_options(texts), "--set", "store=source"]
    kill = functools.partial(kill_at_name, "shard-00001", named=True)
    tried = Forked(main, arguments(tokenizer, tmp_path / "out", *given), first=kill)
    assert tried.ended(120) == -signal.SIGKILL
    assert entries(tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert run(tokenizer, tmp_path / "out", *given) == 0
    assert digests(tmp_path / "out") == digests(built)
    assert manifest_of(tmp_path / "out")["documents"] == manifest_of(built)["documents"]


def test_the_page_of_a_mixture_has_the_tables(
    tokenizer: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = ["--members", "roberta,albert", "--quality", "c4"]
    out = tmp_path / "out"
    assert run(tokenizer, out, *source_options(texts), *members, recipe="mixture") == 0
    page = (out / "report.html").read_text("utf-8")
    places = [page.index(each) for each in ("<h2>Documents", 'id="sources"', 'id="dropped"')]
    assert places == sorted(places)
    found = manifest_of(out)["documents"]["sources"]
    for name in NAMES:
        assert f'scope="row">{name}</th>' in page
        assert f'data-label="in the shards">{found[name]["documents"]}</td>' in page
    card = (out / "README.md").read_text("utf-8")
    assert "| english | 0.5 | 41 |" in card
    assert "## Filters" in card
    assert main(["verify", str(out)]) == 0
    assert "verification passed" in capsys.readouterr().out


def test_one_source_is_the_same_as_input(
    tokenizer: Path, texts: Path, digests: Digests, tmp_path: Path
) -> None:
    assert run(tokenizer, tmp_path / "one", "--source", f"all={texts}/*") == 0
    assert run(tokenizer, tmp_path / "two", "--input", f"{texts}/*") == 0
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    plain = manifest_of(tmp_path / "two")
    assert "sources" not in plain
    assert "sources" not in plain["documents"]
    assert all("source" not in each for each in plain["inputs"])
    shards = plain["splits"]["train"]["shards"]
    assert all("sources" not in each for each in shards)


def test_duplicates_may_be_kept(tokenizer: Path, texts: Path, tmp_path: Path) -> None:
    assert run(tokenizer, tmp_path / "out", *source_options(texts), "--dedup", "off") == 0
    found = manifest_of(tmp_path / "out")["documents"]["sources"]
    assert found["chinese"]["documents"] == 41
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_stored_annotations_are_found_for_repetitions(
    tokenizer: Path, texts: Path, tmp_path: Path, sample: Path
) -> None:
    text = [part for name in NAMES for part in ("--input", f"{texts}/{name}-*")]
    found = ["--entities", str(sample / "entities.tsv"), "--output", str(tmp_path / "found")]
    assert main(["annotate", *text, *found]) == 0
    stored = ["--annotations", str(tmp_path / "found")]
    for name, options in {"stored": stored, "again": found[:2]}.items():
        output = tmp_path / name
        given = [*source_options(texts), *options, "--set", "store=entities"]
        assert run(tokenizer, output, *given) == 0
    one, other = (
        [pa.ipc.open_file(path).read_all() for path in sorted((tmp_path / name).glob("*/*.arrow"))]
        for name in ("stored", "again")
    )
    assert one == other
    assert sum(len(each.flatten()) for each in one[0]["entity_spans"].chunks)


def test_a_build_of_other_weights_is_another_build(
    tokenizer: Path, texts: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [part.replace(":0.5", ":0.6") for part in source_options(texts)]
    assert run(tokenizer, built, *given, "--set", "store=source") == 2
    assert "sources.english: there 0.5, here 0.6" in capsys.readouterr().err


def test_the_plan_shows_what_weights_do(
    tokenizer: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tokenizer, tmp_path / "out", *source_options(texts), "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if line.startswith("source ")]
    assert [line.split()[1] for line in shown] == ["chinese:", "english:", "mixed:"]
    assert "2 files" in shown[2]
    assert "weight 2.5" in shown[2]
    shares = [float(line.split(", ")[-1].split("%")[0]) for line in shown]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert not (tmp_path / "out").exists()


def test_documents_of_two_sources_count_for_the_first(
    tokenizer: Path, tmp_path: Path, documents: list[str]
) -> None:
    few = "\n\n".join(documents[:30])
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(few, "utf-8")
    given = ["--source", f"b={tmp_path}/b.txt:3", "--source", f"a={tmp_path}/a.txt"]
    assert run(tokenizer, tmp_path / "out", *given, "--set", "store=source") == 0
    manifest = manifest_of(tmp_path / "out")
    below = manifest["shards"]["eval_below"]
    held_out = sum(halves_of(text)[1] < below for text in documents[:30])
    found = manifest["documents"]["sources"]
    assert [found["a"][name] for name in ("documents", "repeated", "duplicates")] == [30, 0, 0]
    # Of the copies of b the first is a duplicate; the second and the third are kept.
    repeated = 2 * (30 - held_out)
    assert [found["b"][name] for name in ("documents", "repeated", "duplicates")] == [
        repeated,
        repeated,
        30,
    ]


def test_weights_that_leave_out_everything_are_named(
    tokenizer: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--source", f"little={texts}/english-*:0.000001"]
    assert run(tokenizer, tmp_path / "out", *given) == 2
    said = capsys.readouterr().err
    assert "the weights of --source left out all of 41 documents; ask for more of one" in said
