from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from pipelines.tokenizers.check import Comparison, compare, message
from pipelines.tokenizers.converted import Converted, Original

WORDS = {"a": 0, "b": 1, "c": 2, "?": 3}


def converted(original: Original | None, what: str = "file x", unchecked: str = "") -> Converted:
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return Converted(
        tokenizer_json=tokenizer.to_str(), what=what, original=original, unchecked=unchecked
    )


def original(changed: int = -1, score: bool = False) -> Original:
    def encode(text: str) -> list[int]:
        ids = [WORDS.get(word, 3) for word in text.split()]
        return [9 if n == changed else n for n in ids]

    def sum_of(ids: Sequence[int]) -> float:
        return -10.0 if 9 in ids else -10.000001

    return Original("lib 1", encode, sum_of if score else None)


@pytest.mark.parametrize(
    ("library", "found", "said"),
    [
        (original(), Comparison(lines=3), "3 of 3 sampled lines have the same ids in lib 1"),
        (
            original(2),
            Comparison(
                lines=3, different=1, example="'a c b' has the tokens c b and not None b from "
                "number 1 on"
            ),
            "2 of 3 sampled lines have the same ids in lib 1, 1 others: 'a c b' has the tokens c b "
            "and not None b from number 1 on",
        ),
        (
            original(2, score=True),
            Comparison(
                lines=3, rounded=1, example="'a c b' has the tokens c b and not None b from "
                "number 1 on"
            ),
            "2 of 3 sampled lines have the same ids in lib 1, 1 others that are equally good: "
            "'a c b' has the tokens c b and not None b from number 1 on",
        ),
    ],
)  # fmt: skip
def test_lines_are_compared(library: Original, found: Comparison, said: str) -> None:
    made = converted(library)
    assert compare(made, library, ["a b", "a c b", "x"]) == found
    assert message(made, found) == f"tokenizer: file x converted; {said}"


def test_lines_are_also_compared_behind_a_space() -> None:
    """As the second sentence of a line is encoded."""
    own = original()
    library = Original("lib", lambda text: [*own.encode(text), *([8] if text[0] == " " else [])])
    found = compare(converted(library), library, ["a"])
    assert found.different == 1
    assert found.example == "' a' has the tokens no and not None from number 1 on"


def test_what_is_told_without_a_comparison() -> None:
    assert message(converted(None, what=""), None) == ""
    assert message(converted(None, unchecked="no y"), None) == "tokenizer: file x converted; no y"
    assert message(converted(original()), None) == "tokenizer: file x converted"
