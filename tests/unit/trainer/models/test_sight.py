"""Masks of modes of attention: literal ones, those of a slow oracle, and models under them."""

import dataclasses
import functools
import itertools
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from tests.oracles.modes import visible, visible_count
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.attention import packed_attention
from trainer.models.encoder import Encoder
from trainer.models.load import load_model
from trainer.models.sight import (
    DenseSight,
    FlexSight,
    Rule,
    by_distance,
    dense_sight,
    flex_sight,
    sight_of,
)
from trainer.rows.layouts import Batch
from trainer.rows.modes import mode_ranges
from trainer.seeding import seed_torch
from trainer.tasks.losses import mean_losses
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES

MODES = {mode.name: mode for mode in OBJECTIVES["unilm"].modes}
NAMES = pytest.mark.parametrize("name", MODES)
HEADS, WIDTH = 2, 8
# Three tokens of A, two of B; a line for each token that sees.
MASKS = {
    "bidirectional": "11111 11111 11111 11111 11111",
    "left_to_right": "10000 11000 11100 11110 11111",
    "right_to_left": "11111 01111 00111 00011 00001",
    "sequence_to_sequence": "11100 11100 11100 11110 11111",
}


def pieces_of(rows: list[tuple[int, int]]) -> Tensor:
    return torch.tensor([piece for row in rows for piece in (0, 1) for _ in range(row[piece])])


def borders_of(rows: list[tuple[int, int]], empty: int = 0) -> Tensor:
    lengths = [0, *map(sum, rows), *[0] * empty]
    return torch.tensor(lengths).cumsum(0).to(torch.int32)


def ranges_of(name: str) -> Tensor:
    return torch.from_numpy(mode_ranges(MODES[name]))


def rule_of(name: str, rows: list[tuple[int, int]]) -> Rule:
    return by_distance(pieces_of(rows), ranges_of(name))


def dense_mask(name: str, rows: list[tuple[int, int]]) -> Tensor:
    """The mask of a whole packed row, bool[T, T], as flex attention asks for it."""
    blocks = flex_sight(rule_of(name, rows), borders_of(rows)).blocks
    tokens = torch.arange(int(borders_of(rows)[-1]))
    return blocks.mask_mod(tokens * 0, tokens * 0, tokens[:, None], tokens)


def slow_mask(name: str, rows: list[tuple[int, int]]) -> Tensor:
    size = sum(map(sum, rows))
    mask = torch.zeros(size, size, dtype=torch.bool)
    begin = 0
    for first, second in rows:
        for query in range(first + second):
            for key in range(first + second):
                mask[begin + query, begin + key] = visible(name, query, key, first)
        begin += first + second
    return mask


@NAMES
def test_masks_are_as_they_are_written_down(name: str) -> None:
    tokens = torch.arange(5)
    found = rule_of(name, [(3, 2)]).sees(tokens[:, None], tokens)
    assert " ".join("".join(str(int(each)) for each in line) for line in found) == MASKS[name]


@NAMES
@pytest.mark.parametrize(("first", "second"), [(2, 1), (3, 2), (40, 9), (1, 30), (5, 0)])
def test_as_many_pairs_are_seen_as_the_paper_has(name: str, first: int, second: int) -> None:
    tokens = torch.arange(first + second)
    found = rule_of(name, [(first, second)]).sees(tokens[:, None], tokens)
    assert int(found.sum()) == visible_count(name, first, second)
    if name == "sequence_to_sequence":
        assert not bool(found[:first, first:].any())


ROWS = st.lists(st.tuples(st.integers(1, 7), st.integers(0, 6)), min_size=1, max_size=5)


@given(rows=ROWS, name=st.sampled_from([*MODES]))
def test_packed_rows_have_the_masks_of_rows_one_by_one(
    rows: list[tuple[int, int]], name: str
) -> None:
    expected = slow_mask(name, rows)
    assert torch.equal(dense_mask(name, rows), expected)
    dense = dense_sight(rule_of(name, rows), borders_of(rows, 2), 16)
    begin = 0
    for mask, (first, second) in zip(dense.mask, rows, strict=True):
        end = begin + first + second
        assert torch.equal(mask[: end - begin, : end - begin], expected[begin:end, begin:end])
        assert not bool(mask[:, end - begin :].any())
        begin = end


LONG = [(100, 60), (1, 0), (130, 3), (2, 90), (64, 6)]
"""Rows of 456 tokens: some within a block of 128 tokens, some in two or three."""


@NAMES
def test_blocks_that_are_computed_have_all_that_is_seen(name: str) -> None:
    expected = slow_mask(name, LONG)
    size = len(expected)
    blocks = flex_sight(rule_of(name, LONG), borders_of(LONG)).blocks
    computed = blocks.to_dense()[0, 0].bool()
    covered = computed.repeat_interleave(128, 0).repeat_interleave(128, 1)[:size, :size]
    assert not bool((expected & ~covered).any())
    # One that only has later or earlier tokens is left out, and one of other rows alone.
    ones = {"left_to_right": 7, "right_to_left": 7}
    assert int(computed.sum()) == ones.get(name, 10)


def attended(sight: DenseSight | FlexSight, inputs: list[Tensor]) -> Tensor:
    """Calls the attention as a model does; inputs are [T, H, D]."""
    q, k, v = (x.transpose(0, 1)[None] for x in inputs)
    found, weights = packed_attention(
        torch.nn.Identity(), q, k, v, None, cu_seqlens=Tensor(), max_seqlen=0, sight=sight
    )
    assert weights is None
    return found[0]


def slow_attention(inputs: list[Tensor], mask: Tensor) -> Tensor:
    q, k, v = (x.transpose(0, 1) for x in inputs)
    scores = (q @ k.mT / math.sqrt(WIDTH)).masked_fill(~mask, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1)


def inputs_for(size: int) -> list[Tensor]:
    seed_torch(0, "sight")
    return [torch.randn(size, HEADS, WIDTH, dtype=torch.float64) for _ in range(3)]


@NAMES
def test_both_kinds_of_attention_are_softmax_over_what_is_seen(name: str) -> None:
    given = rule_of(name, LONG), borders_of(LONG, 3)
    inputs = inputs_for(given[0].size)
    expected = slow_attention(inputs, slow_mask(name, LONG))
    torch.testing.assert_close(attended(dense_sight(*given, 200), inputs), expected)
    torch.testing.assert_close(attended(flex_sight(*given), inputs), expected)


@NAMES
def test_gradients_are_those_of_softmax_over_what_is_seen(name: str) -> None:
    rows = [(3, 4), (1, 0), (5, 2)]
    given = rule_of(name, rows), borders_of(rows, 2)
    inputs = [each.requires_grad_() for each in inputs_for(given[0].size)]
    weights = torch.linspace(-1, 1, inputs[0].numel(), dtype=torch.float64).view_as(inputs[0])
    found = (attended(dense_sight(*given, 9), inputs) * weights).sum()
    expected = (slow_attention(inputs, slow_mask(name, rows)) * weights).sum()
    torch.testing.assert_close(
        torch.autograd.grad(found, inputs), torch.autograd.grad(expected, inputs)
    )


LENGTH = 48
Built = tuple[Corpus, dict[str, Batch]]


@functools.cache
def built() -> Built:
    """A build of short rows of made-up text, and its first batch in each mode."""
    recipe = dataclasses.replace(OBJECTIVES["unilm"], max_seq_length=LENGTH, copies=1)
    fields: dict[str, Any] = {"batch_tokens": 400, "checksums": False, "shuffle": False}
    with tempfile.TemporaryDirectory() as folder:
        build_folder(Path(folder, "build"), recipe, documents=40)
        rows = open_local_corpus(Path(folder, "build"))
        return rows, {name: next(iter(ArrowBatches(rows, mode=name, **fields))) for name in MODES}


def batch_in(name: str) -> Batch:
    """Packed rows, and padding, in a mode."""
    return built()[1][name]


@functools.cache
def model() -> Encoder:
    fields = {
        "model_type": "bert",
        "vocab_size": 3072,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "type_vocab_size": 6,
        "pad_token_id": 0,
        "hidden_dropout_prob": 0.0,
        "initializer_range": 0.2,
    }
    seed_torch(2, "unilm")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps(fields), "utf-8")
        made: Encoder = load_model(str(path), [built()[0]], LENGTH)
    return made.double()


@torch.no_grad()
def hidden_of(batch: Batch) -> Tensor:
    """The hidden states of the last layer, [T, d]."""
    found: list[Tensor] = []
    handle = model().hf.bert.register_forward_hook(
        lambda _module, _given, outputs: found.append(outputs.last_hidden_state[0])
    )
    model()(batch)
    handle.remove()
    return found[0]


def first_rows(batch: Batch) -> list[tuple[int, int, int]]:
    """Begin, begin of the second segment, and end of the rows."""
    begins = batch["cu_seqlens"].tolist()
    types = batch["token_type_ids"][0]
    pieces = batch_in("bidirectional")["token_type_ids"][0]
    assert len(types) == len(pieces)
    rows = int((batch["row_ids"] >= 0).sum())
    return [
        (begin, end - int(pieces[begin:end].sum()), end)
        for begin, end in itertools.pairwise(begins[: rows + 1])
    ]


@NAMES
def test_a_token_that_is_not_seen_changes_nothing(name: str) -> None:
    """Unmodified classes may ignore a mask without a word; this one is in force."""
    batch = batch_in(name)
    before = hidden_of(batch)
    begin, second, end = first_rows(batch)[1]
    assert begin + 3 < second < end - 3
    for edited in (begin + 1, second - 1, end - 2):
        ids = batch["input_ids"].clone()
        ids[0, edited] = (ids[0, edited] + 1001) % 2900 + 5
        after = hidden_of({**batch, "input_ids": ids})
        changed = (after != before).any(-1)
        assert not bool(changed[:begin].any())
        assert not bool(changed[end:].any())
        # What is seen of what is seen counts as well: with two layers, and all of these masks, a
        # token that sees one which sees the edited one sees it itself.
        expected = [
            visible(name, at - begin, edited - begin, second - begin) for at in range(begin, end)
        ]
        assert changed[begin:end].tolist() == expected


@NAMES
def test_the_hidden_states_are_those_of_the_class_with_an_additive_mask(name: str) -> None:
    batch = batch_in(name)
    config = transformers.BertConfig(**{**model().hf.config.to_dict()})
    config.attention_probs_dropout_prob = 0.0
    plain = transformers.BertModel._from_config(config, attn_implementation="eager").double().eval()
    plain.load_state_dict(model().hf.bert.state_dict(), strict=False)
    found = hidden_of(batch)
    for begin, second, end in first_rows(batch)[:3]:
        first, size = second - begin, end - begin
        mask = slow_mask(name, [(first, size - first)]).double()
        with torch.no_grad():
            expected = plain(
                input_ids=batch["input_ids"][:, begin:end],
                token_type_ids=batch["token_type_ids"][:, begin:end],
                attention_mask=((1 - mask) * torch.finfo(torch.float64).min)[None, None],
            ).last_hidden_state[0]
        torch.testing.assert_close(found[begin:end], expected)


@NAMES
def test_pairs_are_learned_in_the_bidirectional_mode_alone(name: str) -> None:
    batch = batch_in(name)
    terms = model()(batch)
    paired = name == "bidirectional"
    assert list(terms) == list(model().counts(batch)) == (["mlm", "nsp"] if paired else ["mlm"])
    labels = batch["next_sentence_label"]
    assert bool((labels != -100).any()) == paired
    loss = torch.stack([*mean_losses(terms, model().counts(batch)).values()]).sum()
    model().zero_grad()
    loss.backward()
    assert (model().hf.cls.seq_relationship.weight.grad is not None) == paired
    types = model().hf.bert.embeddings.token_type_embeddings.weight.grad.any(-1)
    assert set(types.nonzero().flatten().tolist()) - {0} == {*MODES[name].types} - {0}


def test_a_sight_is_for_batches_that_need_one() -> None:
    assert sight_of(batch_in("bidirectional"), LENGTH) == {}
    assert isinstance(sight_of(batch_in("left_to_right"), LENGTH)["sight"], DenseSight)


def blocks_of(batch: Batch, _longest: int) -> dict[str, FlexSight]:
    """What a GPU would be given; that works on a CPU too, but for gradients."""
    if "pieces" not in batch:
        return {}
    rule = by_distance(batch["pieces"][0], batch["visible_ranges"])
    return {"sight": flex_sight(rule, batch["cu_seqlens"])}


@pytest.mark.parametrize("kind", [sight_of, blocks_of])
@torch.no_grad()
def test_two_graphs_are_for_all_modes(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for the mode in which all is seen, and one for all others, with either kind of mask."""
    expected = {name: model()(batch_in(name))["mlm"].loss for name in MODES}
    monkeypatch.setattr("trainer.models.encoder.sight_of", kind)
    torch.compiler.reset()
    counter = CompileCounter()
    compiled = torch.compile(model(), backend=counter, fullgraph=True, dynamic=False)
    for name in MODES:
        torch.testing.assert_close(compiled(batch_in(name))["mlm"].loss, expected[name])
    assert counter.frame_count == 2


def test_a_saved_model_has_all_token_types(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModel.from_pretrained(tmp_path / "hf")
    assert loaded.config.type_vocab_size == 6
