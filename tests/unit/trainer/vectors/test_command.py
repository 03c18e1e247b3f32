"""`shardmill vectors`: what it writes, refuses and resumes."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.build import main as build
from schemas.errors import Stopped
from schemas.records import Array
from schemas.word_list import words_by_id
from tests.support.sample_builds import copy_of, corpus, shard_paths
from tests.support.vector_runs import SMALL, Captured, files_of, refused, vectors
from tests.support.word_lists import words_of
from trainer.loader.open_corpus import open_local_corpus
from trainer.vectors import train as module
from trainer.vectors.command import main
from trainer.vectors.context_model import ContextModel
from trainer.vectors.contexts import with_options
from trainer.vectors.options import parse_vectors_options
from trainer.vectors.progress import Progress
from trainer.vectors.read_files import read_vectors
from trainer.vectors.word_rows import WordRows
from transforms.labels.context_words import ContextWords
from transforms.objectives import OBJECTIVES

Patch = pytest.MonkeyPatch
RECIPES = [name for name, recipe in OBJECTIVES.items() if isinstance(recipe.predict, ContextWords)]


@pytest.fixture(scope="module", params=RECIPES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp(request.param) / "run"
    assert vectors(request.param, run) == 0
    return run


def test_the_saved_options_train_the_same(trained: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert main(["--config", str(trained / "vectors.toml"), "--output", str(again)]) == 0
    assert files_of(again) == files_of(trained)
    saved = (trained / "vectors.toml").read_bytes()
    assert (again / "vectors.toml").read_bytes() == saved
    assert b"\nwindow = " in saved


def read_text(path: Path) -> tuple[list[str], Array]:
    """Reads word2vec's text format."""
    header, *lines = path.read_text("utf-8").split("\n")[:-1]
    pairs = [line.split(" ", 1) for line in lines]
    numbers = np.array([each.split(" ") for _, each in pairs], np.float32)
    assert header == f"{numbers.shape[0]} {numbers.shape[1]}"
    return [word for word, _ in pairs], numbers


def read_binary(path: Path) -> tuple[list[str], Array]:
    """Reads word2vec's binary format, as the original does: word by word."""
    header, _, rest = path.read_bytes().partition(b"\n")
    count, dim = map(int, header.split())
    words, numbers = [], []
    for _ in range(count):
        word, _, rest = rest.partition(b" ")
        words.append(word.decode())
        numbers.append(np.frombuffer(rest[: 4 * dim], "<f4"))
        assert rest[4 * dim : 4 * dim + 1] == b"\n"
        rest = rest[4 * dim + 1 :]
    assert not rest
    return words, np.array(numbers)


def test_all_files_hold_the_same_vectors(trained: Path) -> None:
    numbers = np.load(trained / "vectors.npy")
    words = (trained / "words.txt").read_text("utf-8").split("\n")[:-1]
    for found, read in (read_text(trained / "vectors.txt"), read_binary(trained / "vectors.bin")):
        assert found == words
        assert np.array_equal(read, numbers)
    record = json.loads((trained / "vectors.json").read_text("utf-8"))
    assert (record["words"], record["dim"]) == numbers.shape
    assert {*record["files"], "vectors.json"} == {*files_of(trained)}
    assert 0 < record["loss"] < 5


def test_the_words_are_those_of_the_build(trained: Path) -> None:
    """The end of a line has a vector only where it is a word; other special tokens have none."""
    recipe = json.loads((trained / "vectors.json").read_text("utf-8"))["identity"]["recipe"]
    words = read_vectors(trained).words
    ids = words_by_id(open_local_corpus(corpus(recipe)).tokenizer_json)
    assert words == (["</s>", *ids[3:]] if recipe == "fasttext" else ids[3:])


def test_neighbours_are_the_nearest_by_cosine(trained: Path) -> None:
    found = read_vectors(trained)
    unit = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    cosines = unit @ unit[5]
    cosines[5] = -2
    expected = [found.words[each] for each in np.argsort(-cosines, kind="stable")[:7]]
    word = found.words[5]
    nearest = found.nearest(found.vector(word), 7, without=[word])
    assert [each for each, _ in nearest] == expected
    assert nearest[0][1] == pytest.approx(cosines.max(), abs=1e-5)
    everything = found.nearest(found.vector(word), 10**6)
    assert len(everything) == len(found.words)
    assert everything[0][0] == word


def test_one_thread_repeats_itself_and_other_seeds_do_not(tmp_path: Path) -> None:
    for name, options in (("a", ()), ("b", ()), ("c", ("--seed", "1"))):
        assert vectors("fasttext", tmp_path / name, *options) == 0
    a, b, c = (files_of(tmp_path / name) for name in "abc")
    assert a == b
    assert a["vectors.npy"] != c["vectors.npy"]


def test_several_threads_train_all_rows(tmp_path: Path) -> None:
    assert vectors("skipgram", tmp_path / "run", "--threads", "3") == 0
    record = json.loads((tmp_path / "run" / "vectors.json").read_text("utf-8"))
    assert np.isfinite(np.load(tmp_path / "run" / "vectors.npy")).all()
    assert 0 < record["loss"] < 5


def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: Patch, capsys: Captured
) -> None:
    assert vectors("cbow", tmp_path / "straight") == 0
    whole = ContextModel.epoch

    def stopped(model: ContextModel, number: int, progress: Progress) -> float:
        if number == 2:
            raise Stopped(15)
        return whole(model, number, progress)

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(ContextModel, "epoch", stopped)
        assert vectors("cbow", run) == 128 + 15
    assert not files_of(run)
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_learned", lambda *_: (_ for _ in ()).throw(OSError("full")))
        assert vectors("cbow", run) == 1
    capsys.readouterr()
    assert vectors("cbow", run) == 0
    assert "after 3 epochs that a run before has done" in capsys.readouterr().err
    assert files_of(run) == files_of(tmp_path / "straight")
    assert vectors("cbow", run) == 0
    assert "finished already" in capsys.readouterr().out


def test_vectors_of_another_run_are_replaced_on_demand_alone(
    tmp_path: Path, capsys: Captured
) -> None:
    run = tmp_path / "run"
    assert vectors("cbow", run) == 0
    (run / "notes.md").write_text("mine")
    before = files_of(run)
    assert vectors("cbow", run, "--window", "3") == 2
    message = refused(capsys)
    assert "window 5 there, 3 here" in message
    assert "--overwrite" in message
    assert files_of(run) == before
    assert vectors("cbow", run, "--window", "3", "--overwrite") == 0
    assert files_of(run)["notes.md"] == b"mine"
    assert files_of(run)["vectors.npy"] != before["vectors.npy"]


def test_a_folder_with_something_else_is_refused(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert vectors("cbow", tmp_path) == 2
    assert "is not empty and holds no vectors (there is thesis.tex)" in refused(capsys)
    inside = corpus("cbow") / "run"
    assert vectors("cbow", inside) == 2
    assert "is in the folder of --data" in refused(capsys)


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        ("bert", (), "is a build of bert, of which no vectors of words are trained"),
        ("cbow", ("--min-n", "3", "--max-n", "6"), "--min-n is for n-grams, which fasttext has"),
        ("cbow", ("--max-n", "6", "--buckets", "9"), "--max-n is for n-grams"),
        ("fasttext", ("--min-n", "0", "--max-n", "6"), "--min-n and --max-n must be"),
        ("fasttext", ("--min-n", "7"), "--min-n and --max-n must be"),
        ("fasttext", ("--buckets", "0"), "--buckets must be in"),
        ("cbow", ("--lr", "1"), "grew beyond all bounds in epoch 1"),
        ("skipgram", ("--lr", "50"), "grew beyond all bounds in epoch 1"),
        ("glove", ("--lr", "1"), "grew beyond all bounds in epoch 1"),
    ],
)
def test_what_does_not_fit_is_told(
    recipe: str, options: tuple[str, ...], message: str, tmp_path: Path, capsys: Captured
) -> None:
    assert vectors(recipe, tmp_path / "run", *options) in (1, 2)
    assert message in refused(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", [("--min-n", "0"), ("--max-n", "0")])
def test_no_n_grams_are_asked_for_by_either_end(given: tuple[str, ...]) -> None:
    part = with_options(
        ContextWords(law="fasttext", min_n=3, max_n=6, buckets=9),
        parse_vectors_options(["--data", "d", "--output", "o", *given]),
    )
    assert (part.min_n, part.max_n, part.buckets) == (0, 0, 0)


def test_n_grams_have_buckets_by_default() -> None:
    given = parse_vectors_options(["--data", "d", "--output", "o", "--min-n", "3", "--max-n", "6"])
    part = with_options(ContextWords(law="fasttext"), given)
    assert (part.min_n, part.max_n, part.buckets) == (3, 6, 2_000_000)


@pytest.mark.parametrize("recipe", ["cbow", "glove"])
def test_a_single_word_is_refused_and_leaves_nothing(
    recipe: str, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "text.txt").write_text("a a a\n" * 3, "utf-8")
    (tmp_path / "words.txt").write_text(words_of(["a"] * 3).text, "utf-8")
    text, words, out = (str(tmp_path / name) for name in ("text.txt", "words.txt", "out"))
    assert build([recipe, "--input", text, "--tokenizer", words, "--output", out]) == 0
    assert main(["--data", out, "--output", str(tmp_path / "run"), *SMALL]) == 2
    assert "has less than two words" in refused(capsys)
    assert not (tmp_path / "run").exists()


def test_a_refused_run_leaves_the_vectors_there(tmp_path: Path) -> None:
    run, data = tmp_path / "run", copy_of("cbow", tmp_path / "data")
    assert vectors("cbow", run) == 0
    before = files_of(run)
    shard_paths(data)[0].write_bytes(b"nothing of Arrow")
    assert main(["--data", str(data), "--output", str(run), *SMALL, "--overwrite"]) == 1
    assert files_of(run) == before


def test_a_damaged_build_is_refused(tmp_path: Path, capsys: Captured) -> None:
    data = copy_of("cbow", tmp_path / "data")
    path = shard_paths(data)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    given = ["--data", str(data), "--output", str(tmp_path / "run"), *SMALL]
    assert main(given) == 1
    assert "its sha256 is not the manifest's" in refused(capsys)


def test_no_word_of_a_long_line_is_lost(tmp_path: Path) -> None:
    """Others cut lines at 10,000 words, and leave the rest out."""
    line = " ".join(f"w{number % 97}" for number in range(12_345))
    (tmp_path / "text.txt").write_text(f"{line}\n", "utf-8")
    (tmp_path / "words.txt").write_text(words_of([line]).text, "utf-8")
    text, words, out = (str(tmp_path / name) for name in ("text.txt", "words.txt", "out"))
    assert build(["cbow", "--input", text, "--tokenizer", words, "--output", out]) == 0
    rows = WordRows(open_local_corpus(out))
    assert (rows.words, len(rows)) == (12_345, 13)
    assert vectors_of(out, tmp_path) == 97


def vectors_of(data: str, folder: Path) -> int:
    """Returns how many words have vectors."""
    assert main(["--data", data, "--output", str(folder / "run"), *SMALL]) == 0
    return len(read_vectors(folder / "run").words)


@pytest.mark.parametrize("threads", [1, 2, 3, 7, 1000])
def test_threads_share_the_rows(threads: int) -> None:
    rows = WordRows(open_local_corpus(corpus("cbow")))
    shares = rows.shares(threads)
    assert [begin for begin, _ in shares] == [0, *(end for _, end in shares[:-1])]
    assert shares[-1][1] == len(rows)
    assert all(begin < end for begin, end in shares)
    if threads < 8:
        longest = max(rows.count(row, row + 1) for row in range(len(rows)))
        assert len(shares) == threads
        assert all(abs(rows.count(*each) - rows.words / threads) <= longest for each in shares)


def test_chunks_are_the_rows_in_their_order() -> None:
    rows = WordRows(open_local_corpus(corpus("fasttext")))
    whole = next(rows.chunks(3, len(rows), rows.words))
    parts = list(rows.chunks(3, len(rows), 100))
    assert len(parts) > 5
    assert np.array_equal(np.concatenate([part.ids for part in parts]), whole.ids)
    assert [part.first for part in parts][:1] == [3]
    for part in parts:
        begin = int(whole.offsets[part.first - 3])
        assert part.before == begin
        assert np.array_equal(whole.ids[begin : begin + len(part.ids)], part.ids)
        assert len(part.ids) <= max(100, np.diff(part.offsets).max())
