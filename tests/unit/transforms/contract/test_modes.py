import dataclasses
from typing import Any

import pytest

from transforms.contract.modes import Mode
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from, settings_of

UNILM = OBJECTIVES["unilm"]


def test_the_modes_of_unilm_are_those_of_the_paper() -> None:
    assert [(mode.name, mode.share, mode.types, mode.pairs) for mode in UNILM.modes] == [
        ("bidirectional", 2, (0, 1), True),
        ("left_to_right", 1, (2, 2), False),
        ("right_to_left", 1, (3, 3), False),
        ("sequence_to_sequence", 2, (4, 5), False),
    ]
    assert [mode.all_seen for mode in UNILM.modes] == [True, False, False, False]
    assert UNILM.attention == "structured"
    assert UNILM.token_types == 6
    assert OBJECTIVES["bert"].token_types == 2


def test_modes_are_set_by_number() -> None:
    changes = {"modes.1.share": 0, "modes.3.second_sees": "before,before", "modes.0.pairs": False}
    changed = recipe_from("unilm", changes)
    assert changed.modes[1].share == 0
    assert changed.modes[3].sees == (("all", "none"), ("before", "before"))
    assert settings_of(changed)["modes.3.second_sees"] == "before,before"
    assert recipe_from("unilm", settings_of(changed)) == changed


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "left to right"}, "name must be of letters, digits and _, got 'left to right'"),
        ({"share": -1}, "share must be at least 0, got -1"),
        ({"first_sees": ("all",)}, "first_sees is two of all, before, after, none, got 'all'"),
        ({"second_sees": ("all", "left")}, "second_sees is two of all, before, after, none, got"),
        ({"first_sees": ("none", "all")}, "first_sees hides a token from itself: 'none,all'"),
        ({"second_sees": ("all", "none")}, "second_sees hides a token from itself: 'all,none'"),
        ({"second_type": 64}, r"second_type must be in \[0, 63\], got 64"),
    ],
)
def test_fields_are_checked(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Mode(**{"name": "a", **fields})


@pytest.mark.parametrize(
    ("name", "modes", "said"),
    [
        ("roberta", UNILM.modes, "are for rows of 2 segments, and these have 1"),
        ("bert", UNILM.modes[:1] * 2, "two modes have the same name: bidirectional, bidirectional"),
        ("bert", (Mode(name="a", share=0),), "the share of one mode at least must be above 0: a"),
        ("ernie1-dlm", UNILM.modes, "for segments, and rows of ernie1-dlm are dialogues; leave"),
        ("xlnet", UNILM.modes, "and in xlnet PermutedTokens has an attention of its own"),
    ],
)
def test_modes_must_fit_their_recipe(name: str, modes: tuple[Mode, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(OBJECTIVES[name], modes=modes)


def test_modes_are_for_masked_rows_without_types_of_their_own() -> None:
    with pytest.raises(ValueError, match="masked rows, and in bert nothing is masked"):
        dataclasses.replace(OBJECTIVES["bert"], corrupt=(), copies=1, modes=UNILM.modes)
    layout = dataclasses.replace(UNILM.layout, own_types=("sep",))
    with pytest.raises(ValueError, match=r"layout.own_types must be empty for unilm"):
        dataclasses.replace(UNILM, layout=layout)
