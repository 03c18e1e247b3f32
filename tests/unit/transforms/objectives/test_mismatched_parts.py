"""Parts that do not go together are refused, with the parts that would."""

import re

import pytest

from transforms.objectives.settings import Scalar, recipe_from


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "bert",
            {"segment": "FullSentences"},
            "FullSentences does not go with NextSentence, which makes a recipe with pairs; "
            "segment can be SentenceChunks or DialogueTurns or DrawnChunks",
        ),
        (
            "roberta",
            {"segment": "SentenceChunks"},
            "SentenceChunks does not go with SingleSegment, which makes a recipe without pairs; "
            "segment can be FullSentences or SentenceRows or WholeDocuments",
        ),
        (
            "bert",
            {"corrupt.0.rewrite": "ShuffleTokens"},
            "ShuffleTokens needs spans of 3 tokens each, and BudgetedUnits selects other spans; "
            "corrupt.0.select can be ShuffledTrigrams",
        ),
        (
            "ernie1",
            {"corrupt.0.targets": "FreshTokens", "copies": 1},
            "stages are shared out among stored copies, and FreshTokens stores none; "
            "corrupt.0.select can be BudgetedUnits or BudgetedNgrams or BernoulliUnits or ",
        ),
    ],
)
def test_parts_that_fit_are_named(name: str, settings: dict[str, Scalar], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        recipe_from(name, settings)
