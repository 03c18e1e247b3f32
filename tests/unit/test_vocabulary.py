import pytest
from tokenizers import Tokenizer, models

from schemas.vocabulary import read_vocabulary

VOCAB = {"<s>": 0, "</s>": 1, "a": 2, "b": 3, "ab": 5}


def make(dropout: float | None = None) -> str:
    return Tokenizer(models.BPE(VOCAB, [("a", "b")], dropout=dropout)).to_str()


def test_roles_are_found_by_their_usual_names() -> None:
    vocabulary = read_vocabulary(make())
    assert vocabulary.roles == {"cls": 0, "sep": 1}
    assert vocabulary.size == 6
    assert vocabulary.unused == (4,)


def test_a_role_can_be_named() -> None:
    assert read_vocabulary(make(), {"mask": "b"}).mask == 3


def test_a_token_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="--mask-token '<m>' is not in"):
        read_vocabulary(make(), {"mask": "<m>"})


def test_what_is_missing_is_said_with_the_option_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"no .MASK. or <mask> token.*--mask-token"):
        read_vocabulary(make()).require(frozenset({"mask"}))


def test_a_tokenizer_that_tosses_coins_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dropout 0\.1"):
        read_vocabulary(make(dropout=0.1))


def test_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not a `tokenizers` JSON file"):
        read_vocabulary("{}")
