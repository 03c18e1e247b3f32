import dataclasses

import pytest

from schemas.errors import UsageError
from trainer.tasks.of_recipes import tasks_of
from transforms.corruption.targets import MaskedTokens
from transforms.objectives import OBJECTIVES


@dataclasses.dataclass(frozen=True)
class Ranked(MaskedTokens):
    @property
    def task(self) -> str:
        return "ranked"


def test_targets_of_an_unknown_task_are_refused() -> None:
    recipe = OBJECTIVES["roberta"]
    corruption = dataclasses.replace(recipe.corrupt[0], targets=Ranked())
    with pytest.raises(UsageError) as refused:
        tasks_of(dataclasses.replace(recipe, corrupt=(corruption,)))
    assert str(refused.value) == (
        "the trainer cannot learn 'ranked' targets, which roberta has; it learns masked, "
        "masked_spans, contrasted, permuted targets"
    )
