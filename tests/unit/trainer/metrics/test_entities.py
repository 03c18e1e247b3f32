import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.metrics.entities import entities, tag_figures, tag_kinds

NAMES = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


def slow_entities(rows: list[int], tags: list[str]) -> set[tuple[int, int, str]]:
    """Entities as (begin, end, type), word by word."""
    found, open_at, kind = set(), -1, ""
    for at, tag in enumerate(tags):
        prefix, _, own = tag.partition("-")
        new_row = at > 0 and rows[at] != rows[at - 1]
        if open_at >= 0 and (new_row or prefix != "I" or own != kind):
            found.add((open_at, at, kind))
            open_at = -1
        if prefix != "O" and open_at < 0:
            open_at, kind = at, own
    if open_at >= 0:
        found.add((open_at, len(tags), kind))
    return found


WORDS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.booleans()), min_size=1
)


@given(WORDS)
def test_figures_are_those_of_a_slow_loop(words: list[tuple[str, str, bool]]) -> None:
    rows = np.cumsum([new for _, _, new in words])
    labels, predicted = ([word[side] for word in words] for side in (0, 1))
    there, got = (slow_entities(rows.tolist(), tags) for tags in (labels, predicted))
    right = len(there & got)
    codes = [np.array([NAMES.index(tag) for tag in tags]) for tags in (labels, predicted)]
    found = tag_figures(rows, *codes, NAMES)
    assert found["precision"] == pytest.approx(right / len(got) if got else 0.0)
    assert found["recall"] == pytest.approx(right / len(there) if there else 0.0)
    total = len(there) + len(got)
    assert found["f1"] == pytest.approx(2 * right / total if total else 0.0)
    assert found["accuracy"] == np.mean(np.array(labels) == np.array(predicted))


def test_an_entity_counts_if_it_is_found_whole() -> None:
    kinds = tag_kinds(NAMES)
    assert kinds is not None
    tags = np.array([NAMES.index(tag) for tag in ("B-LOC", "I-LOC", "O", "I-PER", "I-LOC")])
    found = entities(np.zeros(5, np.int64), tags, *kinds)
    assert found.tolist() == [[2, 0, 0, 1, 1], [0, -1, -1, 1, 0]]
    figures = tag_figures(np.zeros(2, np.int64), np.array([0, 2]), np.array([0, 4]), NAMES)
    assert figures == {"accuracy": 0.5, "precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_an_entity_ends_with_its_row() -> None:
    kinds = tag_kinds(NAMES)
    assert kinds is not None
    tags = np.array([NAMES.index("B-LOC"), NAMES.index("I-LOC")])
    assert entities(np.array([0, 1]), tags, *kinds).tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("names", [("NOUN", "VERB"), ("O",), ("B-", "O"), ("B-x", "E-x")])
def test_other_tags_are_classes(names: tuple[str, ...]) -> None:
    assert tag_kinds(names) is None
    found = tag_figures(np.zeros(2, np.int64), np.array([0, 0]), np.array([0, 0]), names)
    assert found["accuracy"] == 1.0
    assert set(found) == {"accuracy", "f1", "matthews"}
