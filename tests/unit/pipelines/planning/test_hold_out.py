import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import build
from schemas.documents import document_key
from tests.support.sample_builds import tokenizer_file

TEXTS = [
    f"This is document {number}. It has a sentence, too. And a third one." for number in range(30)
]


def built(tmp_path: Path, texts: list[str], *options: str, recipe: str = "bert") -> int:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    given = ["--input", str(corpus), "--tokenizer", str(tokenizer_file("wordpiece"))]
    return build.main([recipe, *given, "--output", str(tmp_path / "out"), *options])


def manifest(tmp_path: Path) -> dict[str, object]:
    return json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))


def lowest(texts: list[str], count: int) -> int:
    """The least bound below which this many documents have the upper half of their key."""
    halves = [int(np.frombuffer(document_key(f"{text}".encode()), "<u8")[1]) for text in texts]
    return sorted(halves)[count - 1] + 1


@pytest.mark.parametrize(
    ("recipe", "count", "said"),
    [
        ("bert", 2, "2 documents of 30 are"),
        ("roberta", 1, "1 document of 30 is"),
        ("structbert", 2, "2 documents of 30 are"),
    ],
)
def test_as_many_as_the_recipe_needs_are_held_out(
    recipe: str, count: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert built(tmp_path, TEXTS, recipe=recipe) == 0
    shards = manifest(tmp_path)["shards"]
    assert shards == {"train": 1, "eval": 1, "eval_below": lowest(TEXTS, count)}
    assert f"{said} held out for evaluation, more than" in capsys.readouterr().err


def test_nothing_is_held_out_of_very_few(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert built(tmp_path, TEXTS[:12]) == 0
    found = manifest(tmp_path)
    assert found["shards"] == {"train": 1, "eval": 0, "eval_below": 0}
    assert list(found["splits"]) == ["train"]  # type: ignore[call-overload]
    assert "nothing is held out for evaluation: of 12 documents" in capsys.readouterr().err


def test_as_much_text_as_a_row_of_a_stream_needs_is_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"{number} {' '.join(['word'] * 20)}." for number in range(200)]
    given = ["--eod-token", "[SEP]", "--max-seq-length", "64"]
    assert built(tmp_path, texts, *given, recipe="gpt") == 0
    # Documents of 104 to 106 bytes; 65 tokens of 8 bytes are the text of five, nearly.
    assert manifest(tmp_path)["shards"] == {"train": 1, "eval": 1, "eval_below": lowest(texts, 6)}
    assert manifest(tmp_path)["splits"]["eval"]["rows"] > 0  # type: ignore[index]
    assert "6 documents of 200 are held out" in capsys.readouterr().err


def test_a_single_document_is_never_held_out(tmp_path: Path) -> None:
    below = np.iinfo(np.uint64).max // 200
    texts = (f"A document of its own, number {number}." for number in range(9999))
    text = next(text for text in texts if lowest([text], 1) < below)
    assert built(tmp_path, [text], recipe="roberta") == 0
    assert manifest(tmp_path)["shards"] == {"train": 1, "eval": 0, "eval_below": 0}


def test_text_of_which_nothing_is_left_is_no_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert built(tmp_path, ["\u200b", "\u200b\n\u200b"], recipe="roberta") == 2
    assert "roberta made no examples of 2 documents: nothing in them" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_order_of_documents_does_not_matter(tmp_path: Path) -> None:
    bounds = set()
    for name, texts in (("a", TEXTS), ("b", TEXTS[::-1]), ("c", [*TEXTS, *TEXTS[:9]])):
        (tmp_path / name).mkdir()
        assert built(tmp_path / name, texts) == 0
        bounds.add(manifest(tmp_path / name)["shards"]["eval_below"])  # type: ignore[index]
    assert len(bounds) == 1


def test_a_share_that_was_given_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert built(tmp_path, TEXTS, "--eval-fraction", "0.25") == 0
    assert manifest(tmp_path)["shards"]["eval_below"] == 1 << 62  # type: ignore[index]
    assert "held out" not in capsys.readouterr().err


def test_a_split_without_rows_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert built(tmp_path, TEXTS[:4], "--eval-fraction", "0.0001", recipe="roberta") == 0
    said = capsys.readouterr().err
    assert "roberta: the split eval has no rows" in said
    notes = manifest(tmp_path)["notes"]
    assert [str(note)[:27] for note in notes] == ["the split eval has no rows:"]  # type: ignore[attr-defined]


CODE = [
    f"So main() {{ return {number}; }} is the first. Not the last one. It is not."
    for number in range(90)
]


def test_what_filters_drop_is_not_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prose = [
        f"This is sentence {n} of it. It has a second one, too. And a third one." for n in range(30)
    ]
    assert lowest([*CODE, *prose], 1) == lowest(CODE, 1) < lowest(prose, 1)
    assert built(tmp_path, [*CODE, *prose], "--quality", "c4", recipe="roberta") == 0
    found = manifest(tmp_path)
    assert found["shards"] == {"train": 1, "eval": 1, "eval_below": lowest(prose, 1)}
    assert found["splits"]["eval"]["rows"] > 0  # type: ignore[index]
    assert "1 document of 30 is held out" in capsys.readouterr().err


def test_what_filters_leave_may_be_too_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--quality", "c4", "--near-duplicates", "0.9")
    prose = [
        f"Sentence {n} of it is here. It has a second one, too. And a third one." for n in range(5)
    ]
    assert built(tmp_path, [*CODE, *prose], *options, recipe="roberta") == 0
    assert manifest(tmp_path)["shards"] == {"train": 1, "eval": 0, "eval_below": 0}
    said = capsys.readouterr().err
    assert "nothing is held out for evaluation: of 5 documents" in said
    assert "--eval-fraction; near-duplicates are among them" in said


def test_sizes_are_those_of_the_text_that_filters_leave(tmp_path: Path) -> None:
    texts = [f"{n} {' '.join(['word'] * 20)}.\n{' '.join(['menu'] * 20)}" for n in range(200)]
    given = ["--eod-token", "[SEP]", "--max-seq-length", "64", "--boilerplate"]
    assert built(tmp_path, texts, *given, recipe="gpt") == 0
    kept = [text.split("\n")[0] for text in texts]
    assert manifest(tmp_path)["shards"] == {"train": 1, "eval": 1, "eval_below": lowest(kept, 6)}
