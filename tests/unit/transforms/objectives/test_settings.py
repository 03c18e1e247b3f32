import re

import pytest

from transforms.objectives.settings import PARTS, recipe_from


def test_a_part_is_offered_once_for_a_field() -> None:
    for field, parts in PARTS.items():
        assert len(set(parts)) == len(parts) > 0, field


def test_parts_that_no_recipe_has_are_offered_too() -> None:
    assert "RandomTokens" in [part.__name__ for part in PARTS["noise"]]
    assert "EvenIds" in [part.__name__ for part in PARTS["random_ids"]]


def test_a_source_without_room_for_two_tokens_is_refused_as_such() -> None:
    """A source of 2 tokens has one of text beside its end, and a row of t5 needs two."""
    expected = "max_seq_length of 2 is too short for t5: a row would have 1 token"
    with pytest.raises(ValueError, match=expected):
        recipe_from("t5", {"max_seq_length": 2})
    assert recipe_from("t5", {"max_seq_length": 3}).row_length == 2


def test_what_noise_puts_in_is_needed_of_a_tokenizer() -> None:
    assert recipe_from("mass", {}).roles == {"cls", "sep", "mask"}
    assert recipe_from("ernie-gen", {}).roles == {"cls", "sep", "mask"}


@pytest.mark.parametrize(
    ("recipe", "path", "message"),
    [
        ("unilm", "modes.0", "modes.0 has no value of its own; known: modes.0.name, modes.0.share"),
        ("unilm", "modes", "modes has no value of its own; known: modes.0, modes.1, modes.2"),
        ("unilm", "labels", "labels has no value of its own; known: none"),
        ("t5", "modes.0", "there is no modes.0; known: none"),
        ("bert", "predict.keep_apart", "this recipe has no predict, so nothing of it can be set"),
        ("unilm", "denoise.noise.0", "this recipe has no denoise, so nothing of it can be set"),
        ("bert", "segment.", "there is no setting 'segment.'; did you mean segment or"),
        (
            "bert",
            "corrupt.0.select.budget.max_predictions.more",
            "there is no setting 'corrupt.0.select.budget.max_predictions.more'; did you mean",
        ),
    ],
)
def test_paths_that_no_value_belongs_to_are_refused(recipe: str, path: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe_from(recipe, {path: "Mode"})


def test_a_part_that_has_no_defaults_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="denoise cannot be 'Denoise', whose fields have no"):
        recipe_from("bert", {"denoise": "Denoise"})
