from collections.abc import Sequence

import numpy as np
import pytest

from schemas.documents import document_batch
from tests.oracles.gopher import quality_of, repetition_of
from transforms.filters.document_filter import DocumentFilter
from transforms.filters.gopher import GopherQuality, quality_counts
from transforms.filters.repetition import GopherRepetition, measured
from transforms.kernels import quality, repetition

PROSE = "The cat sat with the dog and they looked at the bird that flew over the old house. "
CHINESE = "今天天气很好，我们一起出去玩。"


def reasons(kind: DocumentFilter, texts: Sequence[str]) -> list[str]:
    batch = document_batch([text.encode() for text in texts])
    codes = kind.examine(batch).codes.tolist()
    return [kind.reasons[code - 1] if code else "" for code in codes]


def unlike(count: int, first: int = 0) -> str:
    """Returns different ideographs."""
    return "".join(chr(0x4E00 + first + step) for step in range(count))


def words(*given: str, times: int = 100) -> str:
    return " ".join([*given] * (times // len(given)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE * 4, ""),
        (CHINESE * 4, ""),
        (PROSE, "few_words"),
        (CHINESE * 2, "few_words"),
        (words("the", "of", times=100_002), "many_words"),
        (words("a", "b", "the", "of"), "short_words"),
        (words("ofofofofofofofof", "the", "andandandand", "of"), ""),
        (
            words("abcdefghijklmnop", "the", "of", "abcdefghijklmnopqrst", "abcdefghij"),
            "long_words",
        ),
        (words("tag", "#one", "the", "of", "and"), "hashes"),
        (words("well...", "the", "thing", "of", "and"), "ellipses"),
        ("\n".join(["- the house with gardens", "* and the neighbours"] * 20), "bullet_lines"),
        ("\n".join(["the house of an old man and the..."] * 3 + [PROSE * 3] * 6), "ellipsis_lines"),
        (words("1234", "the", "5678", "of", "house"), "words_without_letters"),
        (words("house", "garden", "the", "street", "river"), "stop_words"),
    ],
)
def test_the_first_rule_that_fails_is_the_reason(text: str, reason: str) -> None:
    assert reasons(GopherQuality(), [text]) == [reason]


def test_thresholds_are_inclusive() -> None:
    # 50 words are enough, and a tenth of them may be hashes.
    fifty = words("the", "of", "house", "garden", "river", times=45)
    assert reasons(GopherQuality(), [f"{fifty} #a #b #c #d #e"]) == [""]
    assert reasons(GopherQuality(), [f"{fifty} #a #b #c #d ##e"]) == ["hashes"]


def awkward_texts(count: int, seed: int) -> list[str]:
    rng = np.random.Generator(np.random.PCG64(seed))
    pieces = [
        "the",
        "Of",
        "a",
        "be,",
        "(with",
        "#",
        "...",
        "…",
        "-",
        "•",
        "é",
        "看",
        "书",
        "か",
        "，",
    ]
    pieces += ["\n", " ", "\n", " ", " ", "x1", "12", "🎉", "ж", "。", "。\n"]
    made = []
    for _ in range(count):
        text = "".join(pieces[n] for n in rng.integers(0, len(pieces), rng.integers(1, 60)))
        lines = [" ".join(line.split(" ")).strip() for line in text.split("\n")]
        lines = [" ".join(filter(None, line.split(" "))) for line in lines]
        made.append("\n".join(filter(None, lines)) or "a")
    return made


def test_quality_is_counted_as_a_slow_program_does() -> None:
    texts = awkward_texts(200, 1)
    found = quality_counts(document_batch([text.encode() for text in texts]).column("text"))
    for text, counts in zip(texts, found.tolist(), strict=True):
        assert counts == quality_of(text), text
    assert found.shape == (200, quality.COUNTS)


def test_a_slice_of_a_batch_is_counted_as_such() -> None:
    batch = document_batch([b"one two", b"the # of", b"three"])
    found = quality_counts(batch.column("text").slice(1, 1))
    assert found[:, quality.WORDS].tolist() == [3]


def test_repetition_is_measured_as_a_slow_program_does() -> None:
    texts = [*awkward_texts(120, 2), PROSE * 2, "a b a b a b", CHINESE * 3]
    found = measured(document_batch([text.encode() for text in texts]).column("text"))
    for text, counts in zip(texts, found.tolist(), strict=True):
        assert counts == repetition_of(text), text
    assert found.shape == (123, repetition.COUNTS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE, ""),
        ("\n".join(["one line"] * 2 + [f"w{n} x{n} y{n}" for n in range(15)]), ""),
        ("\n".join(["menu"] * 5 + [PROSE, "another line of text here"]), "duplicate_lines"),
        ("\n".join([PROSE] * 2 + list("abcdefgh")), "characters_in_duplicate_lines"),
        ("new york " * 5 + " ".join(f"word{n}" for n in range(20)), "top_2_gram"),
        (PROSE * 2, "top_3_gram"),
        # Idioms of five characters that occur twice are not what repeated words are in English.
        (unlike(60) + "，".join(unlike(5, 100 * n) for n in (1, 2, 3, 4, 2, 4, 1, 3)), ""),
        (unlike(40) + "。".join([unlike(12, 100)] * 2), "duplicate_10_grams"),
    ],
)
def test_repeated_text_is_dropped(text: str, reason: str) -> None:
    assert reasons(GopherRepetition(), [text]) == [reason]
