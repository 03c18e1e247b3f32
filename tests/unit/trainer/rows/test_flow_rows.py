"""Sequences of a source, a target and its queries: one by hand, and all of a build by an oracle."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import IGNORED
from schemas.errors import UsageError
from tests.oracles.flows import SPAN_FLOW, WORD_FLOW, Cell, cells_of, known_in_spans, sees
from tests.support.flow_builds import COPIES, flow_batches, flow_corpus, flow_rows
from trainer.models.sight import by_rank
from trainer.rows.flow_rows import FlowRows, span_places
from trainer.rows.layouts import Batch
from trainer.rows.row_source import given_tokens
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, offsets_of
from transforms.arrays.sequences import CleanRows, Sequences
from transforms.contract.modes import FAR
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import changed

PREDICTED = {"first": ("target_positions", "labels")} | {
    flow: (f"{flow}_positions", f"{flow}_labels") for flow in (WORD_FLOW, SPAN_FLOW)
}
CLS, SEP, MASK, NOISE = 2, 3, 4, 99


def ragged(*rows: list[int], kind: str = "uint16") -> Ragged:
    values = np.array([value for row in rows for value in row], kind)
    return Ragged(values, offsets_of(np.array([*map(len, rows)])))


def by_hand() -> FlowRows:
    """Rows [CLS] 11 12 13 14 [SEP], 11 and 13 14 are generated, 13 14 a word; and a shorter one."""
    clean = ragged([CLS, 11, 12, 13, 14, SEP], [CLS, 21, SEP])
    edits = dataclasses.replace(
        Edits.none(2, "uint16"),
        offsets=np.array([0, 2, 3]),
        starts=np.array([1, 3, 1], np.uint16),
        ends=np.array([2, 5, 2], np.uint16),
        fills=np.full(3, 252, np.uint8),
    )
    made = Sequences(
        source=ragged([CLS, 12, SEP], [CLS, SEP]),
        target=ragged([11, 13, 14, SEP], [21, SEP]),
        decoder_input=np.array([CLS, 11, NOISE, 14, CLS, 21], np.uint16),
        positions=np.array([0, 1, 3, 4, 0, 1], np.uint16),
        target_positions=np.array([1, 3, 4, 5, 1, 2], np.uint16),
    )
    recipe = OBJECTIVES["ernie-gen"]
    words = np.array([0, 1, 1, 1, 0, 0, 0, 1, 0], np.bool_)
    pairs: Any = SimpleNamespace(
        sequences_of=lambda _rows, _epoch: (CleanRows(clean.values, clean.offsets), edits, made),
        denoise=recipe.denoise,
        recipe=recipe,
        seed=0,
        vocabulary=SimpleNamespace(roles={"cls": CLS, "sep": SEP, "mask": MASK}),
        shards=SimpleNamespace(word_flags=lambda _rows, _tokens: words),
    )
    return FlowRows(pairs)


def test_a_row_by_hand() -> None:
    drawn = by_hand().draw(np.arange(2), 0, 0)
    flows = drawn.flows
    assert flows is not None
    columns = (drawn.seen, drawn.rows.tokens.values, drawn.rows.token_types)
    columns += (flows.positions, flows.ranks, flows.horizons)
    offsets = drawn.rows.tokens.offsets.tolist()
    assert offsets == [0, 15, 23]
    clean = [CLS, 12, SEP, CLS, 11, 13, 14, 11, 13, 14, SEP, 11, 13, 14, SEP]
    assert [column[:15].tolist() for column in columns] == [
        [CLS, 12, SEP, CLS, 11, NOISE, 14, *[MASK] * 8],
        clean,
        [0] * 3 + [1] * 12,
        [0, 2, 5, 0, 1, 3, 4, 1, 3, 4, 5, 1, 3, 4, 5],
        [0, 0, 0, 1, 2, 3, 4, *[FAR] * 8],
        [1, 1, 1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 3, 5],
    ]
    assert [column[15:].tolist() for column in columns] == [
        [CLS, SEP, CLS, 21, *[MASK] * 4],
        [CLS, SEP, CLS, 21, 21, SEP, 21, SEP],
        [0] * 2 + [1] * 6,
        [0, 2, 0, 1, 1, 2, 1, 2],
        [0, 0, 1, 2, *[FAR] * 4],
        [1, 1, 2, 3, 2, 3, 2, 3],
    ]
    assert drawn.targets.tolist() == [7, 8, 9, 10, 19, 20]
    assert drawn.labels.tolist() == [11, 13, 14, SEP, 21, SEP]
    assert {name: each.tolist() for name, each in drawn.more.items()} == {
        SPAN_FLOW: [11, 12, 13, 14, 21, 22]
    }


def test_spans_are_words_within_fragments() -> None:
    # Fragments 1 2 3 | 7 8 | 9, words at 1 3 6 8 9; then the end of the row. And one without text.
    positions = ragged([1, 2, 3, 7, 8, 9, 10], [1])
    starts = np.array([1, 0, 1, 0, 1, 1, 0, 0], np.bool_)
    assert span_places(starts, positions).tolist() == [0, 0, 2, 3, 4, 5, 6, 0]


FRAGMENTS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12)


@given(rows=st.lists(FRAGMENTS, min_size=1, max_size=4))
def test_spans_are_those_of_an_oracle(rows: list[list[tuple[int, bool]]]) -> None:
    places = [[*itertools.accumulate(1 + gap for gap, _ in row)] for row in rows]
    starts = [begins for row in rows for _, begins in row]
    expected = []
    for row, positions in zip(rows, places, strict=True):
        words = [at for at, (_, begins) in zip(positions, row, strict=True) if begins]
        expected += known_in_spans(positions, words)
    assert span_places(np.array(starts), ragged(*places)).tolist() == expected


def cells_in(batch: Batch, flows: Sequence[str]) -> Iterator[tuple[int, list[Cell]]]:
    """Yields the rows of a batch, by number, and the tokens of each."""
    labels = {}
    for places, predicted in PREDICTED.values():
        if predicted in batch:
            kept = batch[predicted] != IGNORED
            labels |= zip(
                batch[places][kept].tolist(), batch[predicted][kept].tolist(), strict=True
            )
    names = ("input_ids", "position_ids", "token_type_ids", "horizons")
    columns = [batch[name][0].tolist() for name in names]
    begins = batch["cu_seqlens"].tolist()
    for row, (begin, end) in zip(
        batch["row_ids"].tolist(), itertools.pairwise(begins), strict=True
    ):
        if row < 0:
            continue
        tokens = [*zip(*(column[begin:end] for column in columns), strict=True)]
        written = [labels.get(at) for at in range(begin, end)]
        source = sum(kind == 0 for _, _, kind, _ in tokens)
        target = (end - begin - source) // (1 + len(flows))
        streams = ["source"] * source + ["target"] * target
        streams += [flow for flow in flows for _ in range(target)]
        places = [*range(source), *[*range(target)] * (1 + len(flows))]
        yield (
            row,
            [
                Cell(stream, place, horizon - 2 if stream in flows else 0, token, label, position)
                for stream, place, (token, position, _, horizon), label in zip(
                    streams, places, tokens, written, strict=True
                )
            ],
        )


EVERY = pytest.mark.parametrize(
    ("weight", "flows"), [(0.5, (WORD_FLOW, SPAN_FLOW)), (1, (WORD_FLOW,)), (0, (SPAN_FLOW,))]
)


@EVERY
def test_batches_hold_what_an_oracle_makes_of_the_rows(weight: float, flows: Sequence[str]) -> None:
    corpus = flow_corpus(word_weight=weight, noise_rate=0.3)
    batches = flow_batches(corpus, seed=1)
    for epoch in range(COPIES + 1):
        found = {row: cells for batch in batches for row, cells in cells_in(batch, flows)}
        assert [found[number] for number in range(len(found))] == [
            cells_of(row, epoch % COPIES, corpus.recipe, corpus.vocabulary, flows)
            for row in flow_rows()
        ]


@EVERY
def test_tokens_see_what_an_oracle_says(weight: float, flows: Sequence[str]) -> None:
    batch = next(iter(flow_batches(flow_corpus(word_weight=weight))))
    rule = by_rank(batch["ranks"][0], batch["horizons"][0])
    for begin, (_, cells) in zip(
        batch["cu_seqlens"].tolist(), cells_in(batch, flows), strict=False
    ):
        tokens = torch.arange(begin, begin + len(cells))
        found = rule.sees(tokens[:, None], tokens)
        assert found.tolist() == [[sees(query, key) for key in cells] for query in cells]


def test_noise_is_in_what_the_decoder_would_be_given_and_nowhere_else() -> None:
    def of(rate: float) -> list[Batch]:
        return list(flow_batches(flow_corpus(noise_rate=rate)))

    changed = kept = 0
    for clean, noisy in zip(of(0), of(0.5), strict=True):
        assert clean.keys() == noisy.keys()
        same = {name for name in clean if torch.equal(clean[name], noisy[name])}
        assert same == clean.keys() - {"input_ids"}
        other = (clean["input_ids"] != noisy["input_ids"])[0]
        ranks = clean["ranks"][0]
        # Neither the source, nor the first token of the target, nor queries.
        assert bool(((ranks[other] > 1) & (ranks[other] < FAR)).all())
        changed += int(other.sum())
        kept += int(((ranks > 1) & (ranks < FAR) & ~other).sum())
    # 4 standard deviations of the share, and as much as random tokens are the same ones.
    share, total = changed / (changed + kept), changed + kept
    assert 0.5 * (1 - 1 / 200) - 2 / total**0.5 < share < 0.5 + 2 / total**0.5


@EVERY
def test_a_batch_has_room_for_its_queries(weight: float, flows: Sequence[str]) -> None:
    batches = flow_batches(flow_corpus(word_weight=weight))
    lengths = batches.corpus.recipe, max(len(row["input_ids"]) for row in flow_rows())
    longest = given_tokens(*lengths)
    sizes = [len(cells) for batch in batches for _, cells in cells_in(batch, flows)]
    assert max(sizes) == longest == batches.layout.longest
    full = [int(batch["num_tokens"]) for batch in batches][:-1]
    assert min(full) > 700 - 2 * longest
    assert sum(int(batch["num_tokens"]) for batch in batches) == sum(sizes)
    with pytest.raises(UsageError, match=rf"batch_tokens must be at least {longest}, the longest"):
        flow_batches(batches.corpus, batch_tokens=longest - 1)
    with pytest.raises(UsageError, match=r"layout must be packed for ernie-gen, got 'padded'"):
        flow_batches(batches.corpus, layout="padded")


@EVERY
def test_how_many_tokens_a_token_sees(weight: float, flows: Sequence[str]) -> None:
    batches = flow_batches(flow_corpus(word_weight=weight))
    seen = tokens = 0
    for batch in batches:
        for _, cells in cells_in(batch, flows):
            seen += sum(sees(query, key) for query in cells for key in cells)
            tokens += len(cells)
    assert batches.context == pytest.approx(seen / tokens)


def test_fresh_fragments_are_drawn_by_row_and_epoch() -> None:
    flows = (WORD_FLOW, SPAN_FLOW)
    loaders = [flow_batches(flow_corpus(), copies="dynamic", batch_tokens=n) for n in (700, 500)]
    epochs = [
        [dict(row for batch in batches for row in cells_in(batch, flows)) for _ in range(2)]
        for batches in loaders
    ]
    assert epochs[0] == epochs[1]
    assert sum(epochs[0][0][row] == epochs[0][1][row] for row in epochs[0][0]) == 0


def test_words_are_stored_for_the_span_flow() -> None:
    for weight, needed in ((0.5, True), (0, True), (1, False)):
        fields = {"store": "", "denoise.target.word_weight": weight}
        assert changed(OBJECTIVES["ernie-gen"], fields).needs_words == needed
