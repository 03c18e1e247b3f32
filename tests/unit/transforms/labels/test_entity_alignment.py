import dataclasses
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.columns import ENTITY_IDS
from schemas.documents import document_batch
from schemas.records import EntitySpans, ShardId
from schemas.windows import Examples
from tests.oracles.streams import vocabulary
from tests.support.synthetic_builds import settings_for
from transforms.annotate.annotations import project_entities
from transforms.annotate.annotator import Annotator
from transforms.annotate.gazetteer import Gazetteer, GazetteerError
from transforms.build import build_examples
from transforms.build.examine import examine
from transforms.labels.entity_alignment import EntityAlignment
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.records.shard_text import join_documents
from transforms.tokens.tokenize_text import TextEncoder

RECIPE = OBJECTIVES["ernie-thu"]
VOCABULARY = vocabulary()


def spans_of(*spans: tuple[int, int, int]) -> EntitySpans:
    starts, ends, entities = np.array(spans, np.int64).reshape(-1, 3).T
    return EntitySpans(starts, ends, entities.astype(np.uint32))


@pytest.mark.parametrize(
    ("spans", "tokens", "expected"),
    [
        # One span of three tokens, and a token of its own that is another's.
        ([(0, 9, 7), (10, 13, 0)], [(0, 3), (3, 6), (6, 9), (10, 13)], [8, 0, 0, 1]),
        # Two spans with a border: both are aligned; nothing is where no span is.
        ([(0, 2, 3), (2, 4, 3)], [(0, 2), (2, 4), (5, 6)], [4, 4, 0]),
        # A token of two spans is of the first, and the second is aligned with its second token.
        ([(0, 2, 3), (2, 6, 4)], [(0, 3), (3, 6)], [4, 5]),
        # A span that began in front of this text has its first token there.
        ([(-3, 2, 3), (4, 6, 5)], [(0, 2), (4, 6)], [0, 6]),
        # A space in front is the token's that has the byte, and no token stands for nothing.
        ([(4, 6, 5)], [(3, 3), (4, 3), (4, 5), (5, 6)], [0, 0, 6, 0]),
        ([], [(0, 2)], [0]),
        ([(0, 2, 1)], [], []),
    ],
)
def test_the_first_token_of_a_span_has_its_entity(
    spans: list[tuple[int, int, int]], tokens: list[tuple[int, int]], expected: list[int]
) -> None:
    begins, ends = np.array(tokens, np.int64).reshape(-1, 2).T
    found = project_entities(spans_of(*spans), begins, ends)
    assert found.dtype == np.uint32
    assert found.tolist() == expected


def test_numbers_are_those_of_sorted_ids() -> None:
    gazetteer = Gazetteer(
        patterns='{"label": "X", "pattern": "moon", "id": "Q9"}\n{"label": "X", "pattern": "sun"}',
        surfaces="Paris\tQ90\nParigi\tQ90\nOslo\tQ585\n",
    )
    other = Gazetteer(surfaces="Oslo\tQ585\nmoon\tQ9\nParis\tQ90\n")
    assert Annotator(gazetteer=gazetteer).entities() == ("Q585", "Q9", "Q90")
    assert Annotator(gazetteer=other).entities() == ("Q585", "Q9", "Q90")
    # Where a form has several ids the first counts, and the other is none.
    assert Gazetteer(surfaces="a\tQ1\na\tQ2\n").ids() == {"Q1"}


@pytest.mark.parametrize("name", ["Q1\nQ2", " Q1", "Q1\u2028"])
def test_an_id_must_fit_on_a_line(name: str) -> None:
    pattern = {"label": "X", "pattern": "moon", "id": name}
    with pytest.raises(GazetteerError, match="an id must not contain a line break"):
        Gazetteer(patterns=json.dumps(pattern)).ids()


def examples_of(*rows: list[int]) -> Examples:
    """Returns rows of one segment, given what their tokens are aligned with."""
    numbers = np.concatenate([np.array(row, np.uint32) for row in rows])
    offsets = np.append(0, np.cumsum([len(row) for row in rows])).astype(np.int64)
    return Examples(
        ids=np.arange(100, 100 + len(numbers)).astype(np.uint16),
        offsets=offsets,
        second_segment_start=np.arange(len(rows)),
        special=numbers == 99,
        word_starts=numbers % 2 == 0,
        relation=np.arange(len(rows), dtype=np.uint8),
        annotations={ENTITY_IDS: numbers},
    )


def test_rows_with_few_entities_are_left_out() -> None:
    rows = examples_of([0, 1, 2, 0], [0, 3, 0], [4, 5, 6, 0, 0], [])
    kept = EntityAlignment(min_entities=2).finish(rows)
    assert kept.left_out == 2
    assert kept.offsets.tolist() == [0, 4, 9]
    assert kept.ids.tolist() == [100, 101, 102, 103, 107, 108, 109, 110, 111]
    assert kept.annotations[ENTITY_IDS].tolist() == [0, 1, 2, 0, 4, 5, 6, 0, 0]
    assert kept.second_segment_start.tolist() == [0, 2]
    assert kept.relation is not None
    assert kept.relation.tolist() == [0, 2]
    assert len(EntityAlignment(min_entities=4).finish(rows)) == 0
    assert EntityAlignment(min_entities=0).finish(rows) is rows
    with pytest.raises(ValueError, match="min_entities must be at least 0"):
        EntityAlignment(min_entities=-1)


def small() -> Recipe:
    return dataclasses.replace(RECIPE, labels=(EntityAlignment(min_entities=2),))


def batch_of(**changes: Any) -> pa.RecordBatch:
    """Returns [CLS] and three tokens [SEP] three tokens [SEP], the second and sixth aligned."""
    row: dict[str, Any] = {
        "input_ids": [2, 100, 101, 102, 3, 103, 104, 105, 3],
        "second_segment_start": 5,
        "pair_relation": "next",
        "entity_positions": [2, 6],
        "entity_ids": [49, 0],
        "mlm_positions": [[1]],
        "mlm_input_ids": [[4]],
    }
    return pa.RecordBatch.from_pylist([{**row, **changes}], schema=small().schema(VOCABULARY))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"entity_ids": [49, 50]}, ["a token is aligned with an entity that entities.txt has not"]),
        ({"entity_positions": [2, 4]}, ["a special token is among the entity_ids"]),
        (
            {"entity_positions": [2], "entity_ids": [1]},
            ["a row has fewer than 2 tokens aligned with entities"],
        ),
        ({"entity_positions": [2]}, ["entity_positions and entity_ids differ in length"]),
        (
            {"entity_positions": [6, 2]},
            ["entity_positions are not ascending and disjoint within their row"],
        ),
        (
            {"entity_positions": [2, 9]},
            ["entity_positions are not ascending and disjoint within their row"],
        ),
    ],
)
def test_rows_that_break_a_rule_are_found(changes: dict[str, Any], told: list[str]) -> None:
    found = examine(batch_of(**changes), small(), VOCABULARY)
    assert list(found.breaches) == told


def test_entities_are_counted() -> None:
    assert examine(batch_of(), small(), VOCABULARY).counts["labels.entity_ids.tokens"] == 2


LINES = ("baba in nea gork and in gork, with Babado.", "nea gork nea gork; a do in gork")
FORMS = {"nea gork": "Q1", "gork": "Q2", "baba": "Q0", "and": "Q3"}


@pytest.mark.parametrize("path", ["word_table", "library"])
def test_text_has_the_entities_that_are_named_in_it(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    surfaces = "".join(f"{form}\t{name}\n" for form, name in FORMS.items())
    annotator = Annotator(kinds=(ENTITY_IDS,), gazetteer=Gazetteer(surfaces=surfaces))
    settings = dataclasses.replace(settings_for(RECIPE), annotations=annotator)
    encoder = TextEncoder(settings.tokenizer_json)
    if path == "library":
        monkeypatch.setattr(encoder, "_table", None)
    monkeypatch.setattr(build_examples, "load_encoder", lambda *_: encoder)
    text = join_documents([document_batch(["\n".join(LINES).encode()])], deduplicate=True)
    tokens = build_examples.tokenize_shard(text, settings, ShardId("train", 0, 1))
    assert tokens.exact_path == path
    numbers = tokens.annotations[ENTITY_IDS]
    pieces = [encoder.tokenizer.id_to_token(number) for number in tokens.ids.tolist()]
    # The longest form wins: "gork" behind "nea" is of "nea gork". "Babado" is no form.
    assert (numbers[numbers > 0] - 1).tolist() == [0, 1, 3, 2, 1, 1, 2]
    firsts = [piece[0] for piece, number in zip(pieces, numbers.tolist(), strict=True) if number]
    assert firsts == ["b", "n", "a", "g", "n", "n", "g"]
    assert len(pieces) > 25
