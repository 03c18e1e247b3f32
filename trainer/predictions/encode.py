"""Texts as rows: with the tokenizer beside a model, which lays them out as its rows were."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from schemas.errors import UsageError
from trainer.predictions.rows import RowArrays
from transforms.arrays.excess import excess_tokens
from transforms.arrays.ragged import Ragged
from transforms.build.saved_tokenizer import CONFIG, TOKENIZER
from transforms.objectives.recipe_checks import MAX_LENGTH
from transforms.text.normalize import normalize_texts


class TextRows:
    """Makes rows of texts, as `shardmill build` does: normalised, and cut where they are too long.

    Names of special tokens in the text are text.
    """

    def __init__(self, folder: str, longest: int) -> None:
        """Loads the tokenizer beside a model.

        Args:
          folder: Of the model.
          longest: Tokens of the longest row, special tokens included.

        Raises:
          UsageError: if there is none.
        """
        self._longest = longest
        path = Path(folder, TOKENIZER)
        try:
            self._tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
        except FileNotFoundError as error:
            raise UsageError(
                f"--model {folder} has no {TOKENIZER} beside it; give a folder that shardmill "
                "train has saved"
            ) from error
        except Exception as error:
            # The library raises `Exception` itself.
            raise UsageError(f"{path} is no tokenizer: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._tokenizer.encode_special_tokens = True
        self._special = [self._tokenizer.num_special_tokens_to_add(pair) for pair in (False, True)]
        if longest <= max(self._special):
            raise UsageError(
                f"--max-seq-length {longest} has no room for text beside {max(self._special)} "
                "special tokens"
            )

    def rows(self, texts: Sequence[Sequence[str]]) -> RowArrays:
        """Returns a row for each record of one text, or of two; no text may be empty."""
        given = _given(texts)
        found = self._tokenizer.encode_batch_fast(given)
        long = [number for number, each in enumerate(found) if len(each) > self._longest]
        for number in long:
            found[number] = self._cut(given[number])
        return RowArrays(
            Ragged.from_lengths(_flat([each.ids for each in found]), _lengths(found)),
            _flat([each.type_ids for each in found]),
            len(long),
            self._longest,
        )

    def _cut(self, given: Any) -> Encoding:
        """Returns a row of texts that are too long, of which the heads are kept."""
        texts = [given] if isinstance(given, str) else given
        parts = [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        ranges = [np.array([[0, len(part)]]) for part in parts]
        capacity = self._longest - self._special[len(parts) - 1]
        excess = excess_tokens(ranges[0], (*ranges, np.zeros((1, 2), np.int64))[1], capacity)
        for part, lost in zip(parts, excess, strict=False):
            part.truncate(len(part) - int(lost[0]))
        return self._tokenizer.post_process(parts[0], parts[1] if len(parts) > 1 else None)


def row_length(folder: str) -> int | None:
    """Returns the tokens of the longest row that a model was trained on; None if it is not known.

    Raises:
      UsageError: if the configuration of its tokenizer cannot be read.
    """
    path = Path(folder, CONFIG)
    try:
        found = json.loads(path.read_text("utf-8"))["model_max_length"]
    except (FileNotFoundError, KeyError):
        return None
    except (OSError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is no configuration of a tokenizer: {error}") from error
    # Where there is no limit, `transformers` writes a very large number.
    return found if isinstance(found, int) and 0 < found < MAX_LENGTH else None


def _given(texts: Sequence[Sequence[str]]) -> list[Any]:
    """Returns normalised texts as `tokenizers` takes them: a text, or a pair of them."""
    flat = normalize_texts([text.encode() for record in texts for text in record])
    lines = iter([text.replace(b"\n", b" ").decode() for text in flat])
    records = [tuple(itertools.islice(lines, len(record))) for record in texts]
    return [record if len(record) > 1 else record[0] for record in records]


def _lengths(found: Sequence[Encoding]) -> Any:
    return np.fromiter(map(len, found), np.int64, len(found))


def _flat(lists: Sequence[Sequence[int]]) -> Any:
    return np.fromiter(itertools.chain.from_iterable(lists), np.int64)
