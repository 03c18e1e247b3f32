"""Tasks of labelled records, for fine-tuning. They are no objectives of pretraining."""

from transforms.labels.record_labels import ClassLabel, NumberLabel
from transforms.objectives.recipe import Recipe
from transforms.pairs.record_texts import OneText
from transforms.windows.record_rows import RecordRows

_DEVLIN = "Devlin et al. 2019, BERT, 4.1; google-research/bert run_classifier.py"

CLASSIFY = Recipe(
    name="classify",
    summary="Labelled records: a class for a text, or for two.",
    source=_DEVLIN,
    segment=RecordRows(),
    pair=OneText(),
    corrupt=(),
    predict=ClassLabel(),
    max_seq_length=128,
    copies=1,
)

REGRESS = Recipe(
    name="regress",
    summary="Labelled records: a number for a text, or for two.",
    source=_DEVLIN,
    segment=RecordRows(),
    pair=OneText(),
    corrupt=(),
    predict=NumberLabel(),
    max_seq_length=128,
    copies=1,
)
