from transforms.objectives.settings import PARTS


def test_a_part_is_offered_once_for_a_field() -> None:
    for field, parts in PARTS.items():
        assert len(set(parts)) == len(parts) > 0, field


def test_parts_that_no_recipe_has_are_offered_too() -> None:
    assert "RandomTokens" in [part.__name__ for part in PARTS["noise"]]
    assert "EvenIds" in [part.__name__ for part in PARTS["random_ids"]]
