"""What vectors of words are trained for: words and those around them."""

import dataclasses
from typing import ClassVar

from transforms.contract.attention import CONTEXTS
from transforms.contract.part import Part

ARCHITECTURES = CBOW, SKIPGRAM = ("cbow", "skipgram")
LAWS = WORD2VEC, FASTTEXT = ("word2vec", "fasttext")
MAX_WINDOW = 1000
MAX_NGRAM = 20
MAX_BUCKETS = 1 << 27
BUCKETS = 2_000_000
"""Of fastText, by default."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextWords(Part):
    """Words are predicted from their neighbours, or the neighbours from them.

    Nothing of it is stored: which words are dropped, how wide a window is and what the negatives
    are is drawn in training, anew in every epoch, from the counts in the build.

    Attributes:
      architecture: "cbow" predicts a word from the mean of its neighbours; "skipgram" each word of
        a pair from the other.
      window: Most words to each side.
      subsample: Frequent words are dropped at random; the share of all words from which on. 0 keeps
        all.
      negatives: Words drawn for each that is predicted.
      law: "word2vec" or "fasttext": how likely words are kept and drawn as negatives, and whether a
        negative that is the target is passed over, or drawn again.
      min_n: Characters of the shortest n-gram that has a vector.
      max_n: Of the longest; 0 for words alone.
      buckets: Vectors that n-grams share by their hash.

    Source: tmikolov/word2vec word2vec.c; facebookresearch/fastText src/{dictionary,loss,args}.cc.
    """

    attention: ClassVar[str] = CONTEXTS
    name: ClassVar[str] = "contexts"
    of_next: ClassVar[bool] = False
    of_words: ClassVar[bool] = True
    of_labels: ClassVar[bool] = False

    architecture: str = CBOW
    window: int = 5
    subsample: float = 1e-3
    negatives: int = 5
    law: str = WORD2VEC
    min_n: int = 0
    max_n: int = 0
    buckets: int = 0

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be {' or '.join(ARCHITECTURES)}, got {self.architecture!r}"
            )
        if self.law not in LAWS:
            raise ValueError(f"law must be {' or '.join(LAWS)}, got {self.law!r}")
        if not 1 <= self.window <= MAX_WINDOW:
            raise ValueError(f"window must be in [1, {MAX_WINDOW}], got {self.window}")
        if not 0 <= self.subsample < 1:
            raise ValueError(f"subsample must be in [0, 1), got {self.subsample}")
        if not 1 <= self.negatives <= MAX_WINDOW:
            raise ValueError(f"negatives must be in [1, {MAX_WINDOW}], got {self.negatives}")
        if not 0 <= self.min_n <= self.max_n <= MAX_NGRAM or (self.max_n and not self.min_n):
            raise ValueError(
                f"min_n and max_n must be 0, or 1 <= min_n <= max_n <= {MAX_NGRAM}, got "
                f"{self.min_n} and {self.max_n}"
            )
        if not bool(self.max_n) <= self.buckets <= MAX_BUCKETS * bool(self.max_n):
            raise ValueError(
                f"buckets must be in [1, {MAX_BUCKETS}] with n-grams and 0 without, got "
                f"{self.buckets}"
            )
