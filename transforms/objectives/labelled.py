"""Tasks of labelled records, for fine-tuning. They are no objectives of pretraining."""

from transforms.labels.record_choices import ChoiceLabels
from transforms.labels.record_labels import ClassLabel, NumberLabel
from transforms.labels.record_spans import SpanLabels
from transforms.labels.record_tags import TagLabels
from transforms.objectives.recipe import Recipe
from transforms.pairs.record_texts import OneText, TwoTexts
from transforms.windows.candidate_rows import CandidateRows
from transforms.windows.context_windows import ContextWindows
from transforms.windows.record_rows import RecordRows
from transforms.windows.word_rows import WordRows

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

RANK = Recipe(
    name="rank",
    summary="Labelled records: which of several candidates is the right one.",
    source="Zellers et al. 2018, SWAG; huggingface/transformers run_swag.py",
    segment=CandidateRows(),
    pair=TwoTexts(),
    corrupt=(),
    predict=ChoiceLabels(),
    max_seq_length=128,
    copies=1,
)

SPAN = Recipe(
    name="span",
    summary="Labelled records: where in a context the answer to a question stands, if it does.",
    source="Devlin et al. 2019, BERT, 4.2 and 4.3; google-research/bert run_squad.py",
    segment=ContextWindows(),
    pair=TwoTexts(),
    corrupt=(),
    predict=SpanLabels(),
    max_seq_length=384,
    copies=1,
)

TAG = Recipe(
    name="tag",
    summary="Labelled records: a class for each word, as of named entities.",
    source="Devlin et al. 2019, BERT, 5.3; huggingface/transformers run_ner.py",
    segment=WordRows(),
    pair=OneText(),
    corrupt=(),
    predict=TagLabels(),
    max_seq_length=128,
    copies=1,
)
