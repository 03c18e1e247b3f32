"""Compares the tokenizer beside a saved model with that of the data that it is trained on."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from schemas.errors import UsageError
from transforms.build.corpus import Corpus
from transforms.build.saved_tokenizer import TOKENIZER

_SPLITTING = ("normalizer", "pre_tokenizer", "model")
"""Parts of a tokenizer that say how text is split; ids are compared on their own."""


def check_tokenizer(name: str, subfolder: str, corpora: Sequence[Corpus]) -> None:
    """Refuses data of another tokenizer than the one saved beside a model, if there is one.

    Args:
      name: Of the model, as it was asked for.
      subfolder: In which the model may lie.
      corpora: The data; each is compared.

    Raises:
      UsageError: naming the first token that differs.
    """
    paths = (Path(name, subfolder, TOKENIZER), Path(name, TOKENIZER))
    path = next((each for each in paths if each.is_file()), None)
    if path is None or not os.path.isdir(name):
        return
    try:
        text = path.read_text("utf-8")
        saved, saved_ids = _parts(text), _ids(text)
    except Exception as error:
        raise UsageError(f"{path} is no tokenizer: {error}") from error
    for corpus in corpora:
        advice = f"build it with --tokenizer {path}"
        ids = _ids(corpus.tokenizer_json)
        for token, number in ids.items():
            if saved_ids.get(token) != number:
                has = saved_ids.get(token, "no id")
                raise UsageError(
                    f"--model {name} is of another vocabulary than {corpus.folder}: {token!r} has "
                    f"{has} there, and {number} here; {advice}"
                )
        if (parts := _parts(corpus.tokenizer_json)) != saved:
            differ = [key for key in parts if parts[key] != saved.get(key)]
            raise UsageError(
                f"--model {name} splits text in another way than {corpus.folder} "
                f"({', '.join(differ)}); {advice}"
            )


def _ids(text: str) -> dict[str, int]:
    tokenizer: Any = Tokenizer.from_str(text)
    found: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    return found


def _parts(text: str) -> dict[str, Any]:
    """Returns what of a tokenizer file decides how text is split."""
    found: dict[str, Any] = json.loads(text)
    parts: dict[str, Any] = {name: found.get(name) for name in _SPLITTING}
    return {**parts, "model": {**found["model"], "vocab": None}}
