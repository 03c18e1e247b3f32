"""Documents that filters leave out, from the command line to the finished build."""

import contextlib
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from tests.support.near_texts import near_texts

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]

GOOD = "This is the first sentence of it. This is the second one of these. And that is the third."
FILTERS = ("--quality", "c4", "--boilerplate", "--near-duplicates", "0.8", "--keep-dropped")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of JSON lines: near copies, boilerplate, code."""
    folder = tmp_path_factory.mktemp("inputs")
    texts = [
        f"{text}. And so on it goes. That is all of it.".capitalize() for text in near_texts(30)
    ]
    texts += [f"Menu\n{GOOD}", "Home\nContact", f"{GOOD} So main() {{ return 1 }} is it."]
    for number in (0, 1):
        lines = [json.dumps({"text": text}) for text in texts[number::2]]
        (folder / f"{number}.jsonl").write_text("\n".join(lines), "utf-8")
    return folder


@pytest.fixture(scope="module")
def shown() -> list[str]:
    """What the first build of `built` writes to standard error, a line each."""
    return []


@pytest.fixture(scope="module")
def built(
    build: Build, inputs: Path, shown: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("filtered") / "out"
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert build(folder, *FILTERS, "--input", f"{inputs}/*.jsonl", recipe="roberta") == 0
    shown += said.getvalue().splitlines()
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return found


def lines_of(folder: Path) -> list[dict[str, str]]:
    files = sorted((folder / "dropped").iterdir())
    return [
        json.loads(line) for f in files for line in gzip.decompress(f.read_bytes()).splitlines()
    ]


def test_what_is_left_out_is_counted_and_kept(built: Path) -> None:
    documents = manifest_of(built)["documents"]
    dropped, removed = documents["dropped"], documents["removed"]
    assert dropped["boilerplate"] == {"no_line_left": 1}
    assert dropped["c4"] == {"curly_bracket": 1}
    assert list(dropped) == ["boilerplate", "c4", "near_duplicates"]
    assert removed == {"boilerplate": {"no_terminal_mark": 1}}
    near = documents["near_duplicates"]
    assert near["clusters"] >= 5
    lines = lines_of(built)
    counts: dict[str, int] = {}
    for line in lines:
        counts[line["filter"]] = counts.get(line["filter"], 0) + 1
    assert counts == {name: sum(reasons.values()) for name, reasons in dropped.items()}
    assert any(line["text"] == "Home\nContact" for line in lines)


def test_the_build_says_how(built: Path) -> None:
    filters = manifest_of(built)["filters"]
    assert list(filters) == ["boilerplate", "c4", "near_duplicates", "dropped"]
    assert filters["near_duplicates"]["bands"] == 21
    assert filters["near_duplicates"]["found_at_similarity"] == 0.9515
    page = (built / "report.html").read_text("utf-8")
    assert page.count("Left out by filters") == 1
    assert "curly bracket" in page
    card = (built / "README.md").read_text("utf-8")
    assert "| c4 | curly bracket | 1 |" in card
    assert "| boilerplate | no terminal mark | 1 |" in card
    assert not (built / ".shardmill").exists()
    assert not (built / "near-duplicates").exists()


@pytest.mark.usefixtures("built")
def test_progress_says_what_is_counted(shown: list[str]) -> None:
    lines = [line for line in shown if line.startswith("finding near-duplicates, ")]
    assert any("signing documents: " in line and " parts of the text" in line for line in lines)
    assert any("linking: " in line and " parts of the hashes" in line for line in lines)
    assert "shards" not in "".join(lines)


def test_it_is_valid_and_not_built_again(
    build: Build, inputs: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(built)]) == 0
    assert build(built, *FILTERS, "--input", f"{inputs}/*.jsonl", recipe="roberta") == 0
    assert "already holds this build" in capsys.readouterr().out


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("options", [("--workers", "2"), ("--runner", "DirectRunner")])
def test_runners_workers_and_waves_give_the_same_bytes(
    build: Build,
    digests: Digests,
    inputs: Path,
    built: Path,
    tmp_path: Path,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two waves read everything twice, and write what is dropped once.
    monkeypatch.setattr("pipelines.planning.plan.wave_shards", lambda *_: 3)
    arguments = (*FILTERS, "--input", f"{inputs}/*.jsonl", *options)
    assert build(tmp_path / "out", *arguments, recipe="roberta") == 0
    assert digests(tmp_path / "out") == digests(built)
    kept = {f.name: f.read_bytes() for f in (tmp_path / "out" / "dropped").iterdir()}
    assert kept == {f.name: f.read_bytes() for f in (built / "dropped").iterdir()}


def test_a_search_that_was_stopped_goes_on(
    build: Build,
    digests: Digests,
    inputs: Path,
    built: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = (*FILTERS, "--input", f"{inputs}/*.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("transforms.filters.near_search.NearSearch.link", None)
        assert build(tmp_path / "out", *arguments, recipe="roberta") == 1
    assert "the pipeline failed" in capsys.readouterr().err
    assert (tmp_path / "out" / "near-duplicates").exists()
    with monkeypatch.context() as patch:
        patch.setattr("transforms.filters.near_search.NearSearch.sign", None)
        assert build(tmp_path / "out", *arguments, recipe="roberta") == 0
    assert digests(tmp_path / "out") == digests(built)


def test_a_build_with_other_filters_is_another(
    build: Build, inputs: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = [each for each in FILTERS if each != "--boilerplate"]
    for options in (["--near-duplicates", "0.9"], fewer, []):
        assert build(built, *options, "--input", f"{inputs}/*.jsonl", recipe="roberta") != 0
        assert "holds another build" in capsys.readouterr().err


def test_changed_files_of_dropped_documents_are_found(
    build: Build, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--quality", "c4", "--keep-dropped", "--input", f"{inputs}/1.jsonl")
    assert build(tmp_path / "out", *options, recipe="roberta") == 0
    [path] = (tmp_path / "out" / "dropped").iterdir()
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[1:])))
    assert main(["verify", str(tmp_path / "out")]) == 1
    assert "dropped: the files have" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keep-dropped"], "keeps what filters such as --language or --quality leave out"),
        (["--near-duplicates-recall", "0.9"], "give --near-duplicates, such as 0.8, too"),
        (["--quality", "good"], "must be some of gopher, gopher-repetition, c4"),
        (["--language", "english"], "must be codes of languages"),
        (["--language", "qq"], "--language: qq: lid.176 does not know this code"),
        (["--language", "en:2"], "the probability must be a number above 0 and at most 1"),
        (["--near-duplicates", "1.1"], "must be a number above 0 and at most 1"),
        (["--boilerplate", "--annotations", "DIR"], "would not fit any more"),
        (
            ["--near-duplicates", "0.001", "--near-duplicates-recall", "0.99"],
            "--near-duplicates: near-duplicates of similarity 0.001 cannot be found",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    build: Build,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build(tmp_path / "out", *options, recipe="roberta") == 2
    assert message in capsys.readouterr().err


def test_filters_that_drop_everything_leave_nothing(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "{"}\n{"text": "a"}\n', "utf-8")
    options = ("--quality", "c4", "--input", f"{tmp_path}/in.jsonl", "--keep-dropped")
    assert build(tmp_path / "out", *options, recipe="roberta") == 2
    said = capsys.readouterr().err
    assert "filters left out all of 2 documents: c4 (curly bracket 1, few sentences 1)" in said
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_plan_says_what_bands_find(
    build: Build, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--near-duplicates", "0.8", "--quality", "gopher", "--dry-run")
    assert build(tmp_path / "out", *options, recipe="roberta") == 0
    said = capsys.readouterr().out
    assert "filters  gopher" in said
    assert "21 bands of 9 of 189 permutations find 95.2% of the pairs of similarity 0.8" in said


def test_labelled_records_are_refused(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--fields", "text,label", "--quality", "c4")
    assert build(tmp_path / "out", *options, recipe="classify") == 2
    said = capsys.readouterr().err
    assert (
        "--quality leaves out documents of text, and classify is built of labelled records" in said
    )


def test_a_store_holds_what_a_folder_does(
    build: Build, digests: Digests, emulator: str, inputs: Path, built: Path
) -> None:
    storage = pytest.importorskip("google.cloud.storage")
    client = storage.Client.create_anonymous_client()
    client.project = "test"
    bucket = client.create_bucket("filtered")
    for path in sorted(inputs.iterdir()):
        bucket.blob(f"in/{path.name}").upload_from_filename(str(path))
    options = (*FILTERS, "--input", "gs://filtered/in/*.jsonl")
    assert build("gs://filtered/out", *options, recipe="roberta") == 0
    found = {blob.name.removeprefix("out/"): blob for blob in bucket.list_blobs(prefix="out/")}
    stored = {name: found[name].download_as_bytes() for name in found}
    shards = {n: hashlib.sha256(c).hexdigest() for n, c in stored.items() if n.endswith(".arrow")}
    assert shards == digests(built)
    [path] = (built / "dropped").iterdir()
    assert gzip.decompress(stored[f"dropped/{path.name}"]) == gzip.decompress(path.read_bytes())
    bucket.delete(force=True)


def test_saved_options_are_the_same_filters(
    build: Build, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--input", f"{inputs}/0.jsonl", "--language", "en,zh:0.01", "--quality", "c4")
    assert build(tmp_path / "out", *options, recipe="roberta") == 0
    assert 'language = "en,zh:0.01"' in (tmp_path / "out" / "build.toml").read_text("utf-8")
    saved = ["--config", str(tmp_path / "out" / "build.toml")]
    assert main(["build", *saved, "--output", str(tmp_path / "out")]) == 0
    assert "already holds this build" in capsys.readouterr().out


def test_sources_are_filtered_before_their_weights(
    build: Build, tokenizer: Path, inputs: Path, tmp_path: Path
) -> None:
    sources = ("--source", f"a={inputs}/0.jsonl:2", "--source", f"b={inputs}/1.jsonl:0.5")
    out = tmp_path / "out"
    arguments = ["roberta", *sources, *FILTERS, "--tokenizer", str(tokenizer), "--output", str(out)]
    assert main(["build", *arguments]) == 0
    documents = manifest_of(out)["documents"]
    filtered = sum(each.get("filtered", 0) for each in documents["sources"].values())
    assert filtered == sum(sum(reasons.values()) for reasons in documents["dropped"].values()) > 0
    page = (out / "report.html").read_text("utf-8")
    assert "Read - filtered - left out - duplicates + repeated = in the shards" in page
    for each in documents["sources"].values():
        assert f'data-label="filtered">{each.get("filtered", 0)}</td>' in page
    assert main(["verify", str(out)]) == 0
