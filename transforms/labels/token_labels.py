"""Labels of single tokens: 0 or 1 for every token of the text."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pyarrow as pa

from schemas.columns import ANNOTATIONS, CAPITALS
from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples, Windows
from transforms.arrays.ragged import row_numbers
from transforms.contract.oracle import Findings, breach
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch

_PROBE = "A"


class TokenLabels(Part):
    """A way of labelling tokens. The labels are the annotation of its name.

    Attributes:
      name: A key of `schemas.columns.ANNOTATIONS`; what the part of a loss is called, too.
      label_type: Of what `labels` returns.
    """

    name: ClassVar[str]
    label_type: ClassVar[pa.DataType] = pa.int8()

    @property
    def meaning(self) -> str:
        """One sentence on what `labels` returns."""
        return f"1 at {ANNOTATIONS[self.name].name}, 0 at other tokens, -100 at special ones."

    def check_tokenizer(self, tokenizer_json: str) -> None:
        """Raises ValueError if the labels are of no use with a tokenizer."""

    def prepare(self, windows: Windows) -> Windows:
        """Annotates what the labels are made of, where they come from the windows."""
        return windows

    def finish(self, examples: Examples) -> Examples:
        """Makes the labels of what was prepared, in the rows of one pass; may leave out rows."""
        return examples

    def labels(self, marks: Array, special: Bool, ignored: int) -> Array:
        """Returns int[T]: the labels of tokens, by their marks; `ignored` where there is none."""
        return np.where(special, ignored, marks > 0).astype(np.int8)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        """Checks that no special token is labelled, and counts."""
        marks = batch.annotations[self.name] > 0
        text = ~batch.special
        counts = {
            f"labels.{self.name}.1": int(np.count_nonzero(marks & text)),
            f"labels.{self.name}.tokens": int(np.count_nonzero(text)),
        }
        name = f"a special token is labelled in {self.name}"
        return Findings(counts) + breach(name, batch.rows_of_tokens(marks & ~text))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CapitalLetters(TokenLabels):
    """1 for tokens with an upper-case character in the text.

    A token is that of a lower-casing tokenizer, so the case is predicted from the context.
    Its characters are those from its first to the next token's. Characters count as upper-case
    as they do for Python's `str.isupper`, which Chinese ones never do.

    Source: Sun et al. 2020, ERNIE 2.0, 4.2.1, capitalization prediction task; StephAO/olfmlm
      data_utils/datasets.py get_caps.
    Differs: special tokens and padding have no label, where olfmlm averages over them as zeros.
    """

    name: ClassVar[str] = CAPITALS
    needs: ClassVar[frozenset[str]] = frozenset({CAPITALS})

    def check_tokenizer(self, tokenizer_json: str) -> None:
        from transforms.tokens.tokenize_text import load_tokenizer

        tokenizer = load_tokenizer(tokenizer_json)
        one, other = (
            tokenizer.encode(text, add_special_tokens=False).tokens
            for text in (_PROBE, _PROBE.lower())
        )
        if one != other:
            raise ValueError(
                "the tokenizer keeps upper-case letters, so there is nothing to predict: "
                f"{_PROBE!r} becomes {json.dumps(one)}; give one that lower-cases text, or build "
                "another recipe"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OtherSegments(TokenLabels):
    """1 for tokens that occur in another segment of the same document as well.

    The segments are the windows that one pass cuts the document into, so a document of a single
    window has only zeros, and other documents do not matter. Tokens are compared by their ids.

    Source: Sun et al. 2020, ERNIE 2.0, 4.2.1, token-document relation prediction task.
    """

    name: ClassVar[str] = "elsewhere"

    def prepare(self, windows: Windows) -> Windows:
        tokens = windows.tokens
        counts = np.diff(tokens.sentence_offsets[tokens.document_offsets])
        documents = (row_numbers(counts) + 1).astype(np.int32)
        if tokens.special is not None:
            documents[tokens.special] = 0
        annotations = {**tokens.annotations, self.name: documents}
        tokens = dataclasses.replace(tokens, annotations=annotations)
        return dataclasses.replace(windows, tokens=tokens)

    def finish(self, examples: Examples) -> Examples:
        documents = examples.annotations[self.name]
        text = np.flatnonzero(documents)
        rows = row_numbers(np.diff(examples.offsets))[text]
        marks = np.zeros(len(documents), np.uint8)
        marks[text] = in_several_rows(documents[text], examples.ids[text].astype(np.int64), rows)
        return dataclasses.replace(examples, annotations={**examples.annotations, self.name: marks})


def in_several_rows(documents: Int64, ids: Int64, rows: Int64) -> Bool:
    """Returns bool[T]: whether a token's document has the same token in another row.

    Example: documents [1 1 1 2], ids [7 8 7 7], rows [0 0 1 2] give [1 0 1 0]: id 7 is in two rows
    of document 1, and in one row of document 2.

    Args:
      documents: int[T].
      ids: int64[T]; not negative.
      rows: int64[T].
    """
    if not len(ids):
        return np.zeros(0, np.bool_)
    keys = documents.astype(np.int64) * (int(ids.max()) + 1) + ids
    # Equal keys may come in any order, on which the least and the greatest row do not depend.
    order = np.argsort(keys)
    begins = np.flatnonzero(np.diff(keys[order], prepend=-1))
    sorted_rows = rows[order]
    several = np.minimum.reduceat(sorted_rows, begins) < np.maximum.reduceat(sorted_rows, begins)
    found = np.empty(len(ids), np.bool_)
    found[order] = np.repeat(several, np.diff(np.append(begins, len(ids))))
    return found
