"""Predictions of a few rows at each evaluation: which rows, and what a model says of them.

The rows are those of the first batch of an evaluation, chosen by the seed, so they are the same at
every evaluation. Nothing is drawn, and the loader is not asked for anything.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers

from schemas.columns import ENTITY_IDS
from trainer.report.sample_rows import RowTokens, row_tokens
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess, choose
from transforms.arrays.randomness import rng_for, shuffled
from transforms.build.corpus import Corpus
from transforms.text.token_text import TokenText

ROWS, PLACES = 3, 6
"""Rows of a member, and predicted tokens of a row that are shown at most."""


class Sampler:
    """Takes samples of the predictions of a model."""

    def __init__(self, model: Any, corpora: Mapping[str, Corpus], seed: int) -> None:
        """Takes samples of a model.

        Args:
          model: The `trainer.models.trainable.TrainableModel`; without `guesses` there are none.
          corpora: What it learns from, by member.
          seed: Of the choice of rows.
        """
        self._model, self._corpora, self._seed = model, corpora, seed
        self._words = {name: _Words(corpus) for name, corpus in corpora.items()}

    def taken(self, batch: Batch, member: str) -> list[dict[str, Any]]:
        """Returns the samples of a batch as records without a step; for the first of a split.

        It must be called as evaluations call the model, without gradients.
        """
        guesses = getattr(self._model, "guesses", None)
        if guesses is None:
            return []
        whose = member if member in self._corpora else next(iter(self._corpora))
        words, corpus = self._words[whose], self._corpora[whose]
        rng = rng_for(self._seed, "samples", member)
        rows, begins, ends = choose(batch, ROWS, lambda count: shuffled(count, rng))
        tokens = row_tokens(batch, rows, begins, ends)
        chosen = Chosen(
            rows=tokens.rows,
            begins=tokens.begins,
            ends=tokens.ends,
            most=PLACES,
            words=words.word,
            text=words.text,
            classes=_classes(corpus),
            rng=rng,
        )
        found: Mapping[str, Sequence[Guess]] = guesses(batch, chosen)
        return [
            {
                "member": member,
                "task": task,
                "row": number,
                **_texts(tokens, number, words),
                "predictions": own,
            }
            for task, each in found.items()
            for number, row in enumerate(rows)
            if (own := [_record(guess) for guess in each if guess.row == row])
        ]


def _texts(tokens: RowTokens, number: int, words: "_Words") -> dict[str, list[str]]:
    """Returns the tokens of a row, and those of its target if it has one."""
    texts = {"text": words.pieces(tokens.text[number])}
    if tokens.target:
        texts["target"] = words.pieces(tokens.target[number])
    return texts


def _classes(corpus: Corpus) -> dict[str, Sequence[str]]:
    """Returns what classes are called, by task: relations of pairs, and entities."""
    pair, found = corpus.recipe.pair, dict[str, Sequence[str]]()
    if pair.task:
        found[pair.task.name] = sorted(pair.labels, key=lambda name: pair.labels[name])
    if corpus.entities:
        found[ENTITY_IDS] = corpus.entities
    return found


def _record(guess: Guess) -> dict[str, Any]:
    known = {} if guess.correct is None else {"correct": guess.correct}
    return {"at": guess.at, "right": guess.right, "best": guess.best, **known}


class _Words:
    """Writes ids as text."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    # Files of tokenizers are large, and of a run without evaluations none is needed.
    @functools.cached_property
    def _tokenizer(self) -> Any:
        return tokenizers.Tokenizer.from_str(self._corpus.tokenizer_json)

    @functools.cached_property
    def _marks(self) -> TokenText:
        return TokenText.of(self._corpus.tokenizer_json)

    @functools.cached_property
    def _special(self) -> frozenset[int]:
        return frozenset(self._corpus.vocabulary.roles.values())

    def word(self, number: int) -> str:
        """Returns a token alone."""
        token = self._token(number)
        return token if number in self._special else self._marks.piece(token)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns the text of tokens one after the other; of -100 nothing."""
        known = [number for number in ids if number >= 0]
        tokens = [self._token(number) for number in known]
        special = [number in self._special for number in known]
        found = self._marks.pieces(tokens, special)
        # Special tokens stand apart, but not from the rest of a word.
        spaced = iter(
            f" {piece}" if alone or (after and self._begins_word(token)) else piece
            for piece, token, alone, after in zip(
                found, tokens, special, [False, *special], strict=False
            )
        )
        return [next(spaced) if number >= 0 else "" for number in ids]

    def _begins_word(self, token: str) -> bool:
        """Returns whether a token stands apart from a word before it."""
        return self._marks.pieces(["a", token], [False, False])[1].startswith(" ")

    def text(self, ids: Sequence[int]) -> str:
        """Returns the text of tokens."""
        return "".join(self.pieces(ids)).strip()

    def _token(self, number: int) -> str:
        # Vocabularies of models are larger than those of tokenizers.
        return self._tokenizer.id_to_token(number) or f"#{number}"
