"""`shardmill neighbours`: what it prints and refuses."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.vector_runs import Captured, refused, vectors
from trainer.vectors import read_files
from trainer.vectors.neighbours import main as neighbours
from trainer.vectors.read_files import UnknownWordError, read_vectors
from trainer.vectors.subwords import ngram_buckets


def test_damaged_vectors_are_refused(tmp_path: Path, capsys: Captured) -> None:
    run = tmp_path / "run"
    assert vectors("cbow", run) == 0
    content = bytearray((run / "vectors.npy").read_bytes())
    (run / "vectors.npy").write_bytes(content[:-4])
    assert neighbours([str(run), "the"]) == 1
    assert "vectors.npy is not what" in refused(capsys)
    content[-1] ^= 1
    (run / "vectors.npy").write_bytes(content)
    assert neighbours([str(run), "the"]) == 1
    assert "vectors.npy was changed: its sha256 is not" in refused(capsys)
    assert neighbours([str(tmp_path / "nowhere"), "the"]) == 2
    assert "is it the output of `shardmill vectors`?" in refused(capsys)


def test_unknown_words_have_the_mean_of_their_n_grams(tmp_path: Path, capsys: Captured) -> None:
    run = tmp_path / "run"
    assert vectors("fasttext", run) == 0
    found = read_vectors(run)
    assert found.ngrams is not None
    known = dict(zip(found.ngrams.numbers.tolist(), found.ngrams.vectors, strict=True))
    word = f"un{found.words[40]}ly"
    assert word not in found.words
    buckets = ngram_buckets([word], 3, 6, 2_000_000).values.tolist()
    rows = [known.get(each, np.zeros(8, np.float32)) for each in buckets]
    assert found.vector(word) == pytest.approx(np.mean(rows, axis=0), abs=1e-6)
    with pytest.raises(UnknownWordError, match="none of its n-grams"):
        found.vector("\U0001f642")
    capsys.readouterr()
    assert neighbours([str(run), word, "--top", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_an_unknown_word_is_told_with_others_like_it(tmp_path: Path, capsys: Captured) -> None:
    assert vectors("cbow", tmp_path / "run") == 0
    words = read_vectors(tmp_path / "run").words
    word = max(words, key=len)
    assert neighbours([str(tmp_path / "run"), f"{word}x"]) == 2
    message = refused(capsys)
    assert f"there is no vector of '{word}x'" in message
    assert repr(word) in message.partition("near it there are")[2]


def test_known_words_are_printed_beside_unknown_ones(tmp_path: Path, capsys: Captured) -> None:
    run = tmp_path / "run"
    assert vectors("cbow", run) == 0
    one, other = read_vectors(run).words[:2]
    capsys.readouterr()
    assert neighbours([str(run), "zzqq", one, "qqzz", other, "--top", "1"]) == 2
    printed, message = capsys.readouterr()
    assert [line for line in printed.splitlines() if line.endswith(":")] == [f"{one}:", f"{other}:"]
    assert len(printed.splitlines()) == 4
    assert message.index("no vector of 'zzqq'") < message.index("no vector of 'qqzz'")


def test_a_word_alone_has_no_neighbours(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = read_files.WordVectors(["a"], np.ones((1, 4), np.float32), None)
    assert alone.nearest(alone.vector("a"), without=["a"]) == []
    monkeypatch.setattr(read_files, "read_vectors", lambda _: alone)
    assert neighbours([str(tmp_path), "a"]) == 2
    assert "has no word but 'a', so it has no neighbours" in refused(capsys)


def test_a_model_of_train_is_told_from_vectors(tmp_path: Path, capsys: Captured) -> None:
    from trainer.run_folder import begin_run

    begin_run(tmp_path)
    assert neighbours([str(tmp_path), "the"]) == 2
    assert "holds a model of `shardmill train`" in refused(capsys)
