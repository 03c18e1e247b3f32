import pytest
from tokenizers import Tokenizer, models

from schemas.vocabulary import read_vocabulary
from tests.oracles.encoding import byte_level_bpe
from transforms.objectives import OBJECTIVES

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


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (
            {"cls": "<s>", "pad": "<s>"},
            "is the token of cls and of pad.*--cls-token TOKEN or --pad",
        ),
        ({"sep": "</s>", "pad": "</s>"}, "of sep and of pad"),
        ({"mask": "<mask>", "unk": "<mask>"}, "of mask and of unk"),
        ({"mask": "</s>", "sep": "</s>"}, "of sep and of mask"),
        ({"cls": "</s>", "sep": "</s>", "pad": "</s>"}, "of cls and of sep and of pad"),
    ],
)
def test_one_token_for_two_parts_is_refused(roles: dict[str, str], said: str) -> None:
    tokenizer = byte_level_bpe()
    with pytest.raises(ValueError, match=said):
        read_vocabulary(tokenizer.to_str(), roles)


def test_one_token_may_begin_and_end() -> None:
    tokenizer = Tokenizer.from_str(byte_level_bpe().to_str())
    tokenizer.add_special_tokens(["<pad>"])
    vocabulary = read_vocabulary(tokenizer.to_str(), {"cls": "</s>", "sep": "</s>"})
    assert vocabulary.roles["cls"] == vocabulary.roles["sep"] == 1
    OBJECTIVES["bert"].check_vocabulary(vocabulary)
    with pytest.raises(ValueError, match="ernie1-dlm separates turns by sep"):
        OBJECTIVES["ernie1-dlm"].check_vocabulary(vocabulary)


def test_sentinels_are_those_up_to_the_first_that_is_not_there() -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    tokenizer.add_special_tokens(["<extra_id_1>", "<extra_id_0>", "<extra_id_3>"])
    assert read_vocabulary(tokenizer.to_str()).sentinels == (3, 2)
    assert read_vocabulary(make()).sentinels == ()
