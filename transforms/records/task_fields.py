"""How the records of each kind of label are read."""

from collections.abc import Mapping

from transforms.records.answer_fields import AnswerFields
from transforms.records.choice_fields import ChoiceFields
from transforms.records.record_fields import ClassFields, NumberFields, RecordFields
from transforms.records.word_fields import WordFields

FIELDS_OF: Mapping[str, type[RecordFields]] = {
    kind.kind: kind for kind in (ClassFields, NumberFields, WordFields, AnswerFields, ChoiceFields)
}
"""The fields of records, by the kind of their label."""
