"""Vectors of the words of sentences, by an ELMo that was trained here."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from schemas.errors import UsageError
from schemas.records import Array, Int64
from trainer.models.character_ids import TEXT_BEGIN, TEXT_END, character_ids, marker_ids
from trainer.models.elmo import ElmoNetwork
from trainer.models.family import model_errors
from transforms.arrays.ragged import offsets_of, positions_in_row, row_numbers

Sentence = Sequence[str]
_MARKERS = 2


class ElmoVectors:
    """A saved ELMo, for use.

    Example: `ElmoVectors.load("RUN/latest/hf").layers([["The", "cat"], ["Ja"]])` are two arrays, of
    [3, 2, 1024] and of [3, 1, 1024].

    Source: allenai/bilm-tf bilm/model.py (BidirectionalLanguageModel).
    Differs: every sentence begins with a state of zeros, so it does not matter which others are
      beside or before it.
    """

    def __init__(self, network: ElmoNetwork) -> None:
        self._network: Any = network
        network.train(mode=False)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], device: str = "cpu") -> "ElmoVectors":
        """Loads the network that `shardmill train` has saved in RUN/latest/hf.

        Raises:
          UsageError: if there is none.
        """
        path = os.fspath(folder)
        if not os.path.isdir(path):
            raise UsageError(f"{path} is no folder; give one that shardmill train has saved")
        with model_errors(path):
            network: Any = ElmoNetwork.from_pretrained(path)
            return cls(network.to(device))

    def layers(
        self, sentences: Sequence[Sentence], batch_sentences: int = 64
    ) -> list[npt.NDArray[np.float32]]:
        """Returns what each layer says of each word.

        Words may be any, also such as training had none of: they are read by their characters.
        They should be cut from text as those of the training data were.

        Args:
          sentences: Lists of words.
          batch_sentences: Sentences that are computed at once.

        Returns:
          For each sentence of n words float32[1 + L, n, 2 * d]: of a word without its context,
          twice the same d numbers, and of each of the L layers of LSTMs, d numbers of the words up
          to it and d of those from it on.

        Raises:
          UsageError: if a sentence is no list of words, or a word cannot be written in UTF-8.
        """
        _check(sentences)
        order = sorted(range(len(sentences)), key=lambda number: len(sentences[number]))
        found: dict[int, npt.NDArray[np.float32]] = {}
        for begin in range(0, len(order), batch_sentences):
            some = order[begin : begin + batch_sentences]
            found.update(zip(some, self._batch([sentences[each] for each in some]), strict=True))
        return [found[number] for number in range(len(sentences))]

    @torch.no_grad()
    def _batch(self, sentences: Sequence[Sentence]) -> list[npt.NDArray[np.float32]]:
        device = self._network.device
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        places, table = _places(sentences, lengths)
        words = self._network.words(torch.from_numpy(table.astype(np.int64)).to(device))
        given = torch.nn.functional.embedding(torch.from_numpy(places).to(device), words)
        layers, _ = self._network.layers(given, self._network.layers.begin(len(sentences)))
        stacked = torch.stack([given, *layers])
        return [
            _of_sentence(stacked[:, :, number], length)
            for number, length in enumerate(lengths.tolist())
        ]


# Sentences [x y] and [z], words x y z with the numbers 2 3 4 behind the markers 0 and 1:
#   forward 0 2 3 | 0 4 .    reversed 1 3 2 | 1 4 .
# What stands behind a sentence is never seen by what stands before.
def _places(sentences: Sequence[Sentence], lengths: Int64) -> tuple[Int64, Array]:
    """Returns int64[2, B, 1 + most]: the words of both directions, and uint16[W, 50] of all."""
    flat = list(itertools.chain.from_iterable(sentences))
    different = {word: number for number, word in enumerate(dict.fromkeys(flat), _MARKERS)}
    words = np.fromiter(map(different.__getitem__, flat), np.int64, len(flat))
    rows, at = row_numbers(lengths), positions_in_row(lengths)
    found = np.zeros((2, len(lengths), 1 + int(lengths.max(initial=0))), np.int64)
    found[1] = 1
    found[0, rows, 1 + at] = words
    ends = np.repeat(offsets_of(lengths)[1:], lengths)
    begins = np.repeat(offsets_of(lengths)[:-1], lengths)
    found[1, rows, 1 + at] = words[begins + ends - 1 - np.arange(len(words))]
    markers = [marker_ids(TEXT_BEGIN)[None], marker_ids(TEXT_END)[None]]
    return found, np.concatenate([*markers, character_ids([_utf8(each) for each in different])])


def _check(sentences: Sequence[Sentence]) -> None:
    """Raises UsageError unless all sentences are lists of words, given as strings."""
    for sentence in sentences:
        if isinstance(sentence, str):
            raise UsageError(f"a sentence is a list of words, got the string {sentence[:60]!r}")
        if not isinstance(sentence, Sequence | np.ndarray):
            raise UsageError(f"a sentence is a list of words, got {_shown(sentence)}")
        wrong = [word for word in sentence if not isinstance(word, str)]
        if wrong:
            raise UsageError(
                f"a word is a string, got {_shown(wrong[0])} in a sentence; give words, and no ids"
            )


def _utf8(word: str) -> bytes:
    try:
        return word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the word {word[:60]!r} has half of a surrogate pair, which is no character; decode "
            "the text as UTF-8"
        ) from error


def _shown(value: object) -> str:
    return f"{repr(value)[:60]} ({type(value).__name__})"


def _of_sentence(layers: Tensor, length: int) -> npt.NDArray[np.float32]:
    """Returns float32[1 + L, n, 2 * d] of float[1 + L, 2, 1 + most, d]."""
    forward, backward = layers[:, :, 1 : 1 + length].unbind(1)
    both = torch.cat([forward, backward.flip(1)], dim=2)
    found: npt.NDArray[np.float32] = both.float().cpu().numpy()
    return found
