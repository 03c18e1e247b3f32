"""Texts as rows: with the tokenizer beside a model, which lays them out as its rows were."""

import itertools
import json
from collections.abc import Iterable, Sequence
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

    Attributes:
      longest: Tokens of the longest row.
    """

    def __init__(self, folder: str, longest: int) -> None:
        """Loads the tokenizer beside a model.

        Args:
          folder: Of the model.
          longest: Tokens of the longest row, special tokens included.

        Raises:
          UsageError: if there is none.
        """
        self.longest = longest
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
        lines = iter(self.normalized(itertools.chain.from_iterable(texts)))
        records = [tuple(itertools.islice(lines, len(record))) for record in texts]
        given: list[Any] = [each if len(each) > 1 else each[0] for each in records]
        found = self._tokenizer.encode_batch_fast(given)
        long = [number for number, each in enumerate(found) if len(each) > self.longest]
        for number in long:
            found[number] = self._cut(given[number])
        return RowArrays(
            Ragged.from_lengths(_flat([each.ids for each in found]), _lengths(found)),
            _flat([each.type_ids for each in found]),
            len(long),
            self.longest,
        )

    @staticmethod
    def normalized(texts: Iterable[str]) -> list[str]:
        """Returns texts as builds normalise them, each on a line."""
        found = normalize_texts([text.encode() for text in texts])
        return [text.replace(b"\n", b" ").decode() for text in found]

    def pieces(self, texts: Sequence[str]) -> Ragged:
        """Returns the ids of each text, without special tokens."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return Ragged.from_lengths(_flat([each.ids for each in found]), _lengths(found))

    @property
    def capacity(self) -> int:
        """Tokens of one text that a row has room for."""
        return self.longest - self._special[0]

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        """The special tokens before one text, and those behind it."""
        whole, bare = (
            self._tokenizer.encode("a", add_special_tokens=each).ids for each in (True, False)
        )
        size = len(bare)
        begin = next(at for at in range(len(whole)) if whole[at : at + size] == bare)
        return whole[:begin], whole[begin + size :]

    def _cut(self, given: Any) -> Encoding:
        """Returns a row of texts that are too long, of which the heads are kept."""
        texts = [given] if isinstance(given, str) else given
        parts = [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        ranges = [np.array([[0, len(part)]]) for part in parts]
        capacity = self.longest - self._special[len(parts) - 1]
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


def _lengths(found: Sequence[Encoding]) -> Any:
    return np.fromiter(map(len, found), np.int64, len(found))


def _flat(lists: Sequence[Sequence[int]]) -> Any:
    return np.fromiter(itertools.chain.from_iterable(lists), np.int64)
