"""Where sentences begin: marked when tokens are made, and wherever they go."""

import dataclasses
import itertools

import numpy as np
import pytest

from schemas.columns import SENTENCES
from schemas.records import ShardId, Tokens
from schemas.windows import Examples
from tests.oracles.sentence_starts import rows_of
from tests.oracles.streams import SEP, tokens_of, vocabulary
from transforms.annotate.annotations import mark_sentences
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.build.corrupt import corrupt
from transforms.build.examine import examine
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from
from transforms.windows.pack_windows import FullSentences

ANNOTATED = OBJECTIVES["annotated"]
SHARD = ShardId("train", 0, 1)


def arranged(recipe: Recipe, tokens: Tokens) -> Examples:
    settings = BuildSettings(recipe=recipe, seed=1, tokenizer_json="", vocabulary=vocabulary())
    return arrange_examples(mark_sentences(tokens), settings, SHARD)


def only_sentences(**changes: object) -> Recipe:
    return dataclasses.replace(ANNOTATED, store=(SENTENCES,), **changes)  # type: ignore[arg-type]


def shown(examples: Examples) -> list[list[str]]:
    """Returns rows of ids, those where a sentence begins with a star."""
    marks = examples.annotations[SENTENCES].tolist()
    tokens = [f"{'*' * mark}{i}" for i, mark in zip(examples.ids.tolist(), marks, strict=True)]
    return [tokens[begin:end] for begin, end in itertools.pairwise(examples.offsets.tolist())]


def test_the_first_token_of_every_sentence_is_marked() -> None:
    tokens = mark_sentences(tokens_of([[2, 1, 3], [1]]))
    assert tokens.annotations[SENTENCES].tolist() == [1, 0, 1, 1, 0, 0, 1]


def test_marks_go_where_their_tokens_go() -> None:
    """Ten tokens a row, eight of text; the sentence of ten is cut, its rest begins no sentence."""
    rows = shown(arranged(only_sentences(max_seq_length=10), tokens_of([[3, 2], [10, 1]])))
    assert rows == [
        ["2", "*100", "101", "102", "*103", "104", "3", "3"],
        ["2", "*105", "106", "107", "108", "109", "110", "111", "112", "3"],
        ["2", "113", "114", "*115", "3", "3"],
    ]


def test_a_document_of_which_the_end_is_kept_may_begin_inside_a_sentence() -> None:
    settings = {"segment": "WholeDocuments", "segment.keep": "tail", "max_seq_length": 6}
    recipe = dataclasses.replace(recipe_from("annotated", settings), store=(SENTENCES,))
    assert shown(arranged(recipe, tokens_of([[3, 3]]))) == [["2", "102", "*103", "104", "105", "3"]]


def test_recipes_with_pairs_can_store_them_too() -> None:
    recipe = recipe_from("bert", {"store": SENTENCES, "max_seq_length": 32, "copies": 1})
    examples = arranged(recipe, tokens_of([[3, 4, 5, 6, 7], [2, 2, 2]]))
    starts = {100, 103, 107, 112, 118, 125, 127, 129}
    marks = examples.annotations[SENTENCES] > 0
    assert set(examples.ids[marks].tolist()) <= starts
    assert not set(examples.ids[~marks].tolist()) & starts


@pytest.mark.parametrize("end_documents", [False, True])
@pytest.mark.parametrize("end_lines", [False, True])
@pytest.mark.parametrize("cross_documents", [False, True])
def test_rows_are_those_of_a_slow_packer(
    cross_documents: bool, end_lines: bool, end_documents: bool
) -> None:
    segment = FullSentences(
        cross_documents=cross_documents, end_lines=end_lines, end_documents=end_documents
    )
    rng = rng_for(0, "sentences")
    for room in range(4, 34, 3):
        lengths = [rng.integers(1, 40, rng.integers(1, 9)).tolist() for _ in range(6)]
        plain = tokens_of(lengths)
        words = rng.random(len(plain.ids)) < 0.5
        words[plain.sentence_offsets[:-1]] = True
        lines = rng.random(len(plain.ends_line)) < 0.5
        lines[plain.document_offsets[1:] - 1] = True
        tokens = dataclasses.replace(plain, word_starts=words, ends_line=lines)
        recipe = only_sentences(segment=segment, max_seq_length=room + 2)
        examples = arranged(dataclasses.replace(recipe, store=("words", SENTENCES)), tokens)
        pairs = list(zip(plain.ids.tolist(), words.tolist(), strict=True))
        sentences = [pairs[a:b] for a, b in itertools.pairwise(plain.sentence_offsets.tolist())]
        borders = list(itertools.pairwise(plain.document_offsets.tolist()))
        expected = rows_of(
            [sentences[a:b] for a, b in borders],
            [lines[a:b].tolist() for a, b in borders],
            room,
            SEP,
            cross_documents=cross_documents,
            end_lines=end_lines,
            end_documents=end_documents,
        )
        # A row of separators alone has no text, and is not written.
        assert shown(examples) == [
            ["2", *(f"{'*' * starts}{token}" for token, starts in row), "3"]
            for row in expected
            if any(token != SEP for token, _ in row)
        ]


def breaches_of(examples: Examples, recipe: Recipe) -> set[str]:
    settings = BuildSettings(recipe=recipe, seed=1, tokenizer_json="", vocabulary=vocabulary())
    [batch] = corrupt(examples, recipe, vocabulary(), settings.stream(SHARD))
    return set(examine(batch, recipe, vocabulary()).breaches)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ([], set()),
        # The tokens are those of `test_marks_go_where_their_tokens_go`, row after row.
        # As far as rows can tell, another sentence may begin where one was cut.
        ([(19, 1)], set()),
        ([(9, 0)], {"a separator inside the text is followed by no sentence start"}),
        ([(14, 1)], {"a row begins inside a sentence that has room in a row"}),
        ([(6, 1)], {"a special token is among the sentences"}),
        ([(0, 1)], {"a special token is among the sentences"}),
    ],
)
def test_what_rows_must_hold(change: list[tuple[int, int]], told: set[str]) -> None:
    recipe = only_sentences(max_seq_length=10)
    examples = arranged(recipe, tokens_of([[3, 2], [10, 1]]))
    assert np.flatnonzero(examples.annotations[SENTENCES]).tolist() == [1, 4, 9, 21]
    for at, mark in change:
        examples.annotations[SENTENCES][at] = mark
    assert breaches_of(examples, recipe) == told
