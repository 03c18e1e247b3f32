"""Flows: masks by hand and by an oracle, models under them, and what is learned."""

import functools
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from schemas.errors import UsageError
from tests.oracles.flows import Cell, cells_of, sees, visible_count
from tests.support.flow_builds import LENGTH, flow_batches, flow_corpus, flow_rows
from trainer.models.attention import packed_attention
from trainer.models.encoder import Encoder
from trainer.models.load import load_model
from trainer.models.sight import FlexSight, Rule, by_rank, dense_sight, flex_sight
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import mean_losses, total_loss
from transforms.contract.modes import FAR

FLOWS = ("word_flow", "span_flow")
SMALL: Mapping[str, Any] = {
    "model_type": "bert",
    "vocab_size": 3072,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "pad_token_id": 0,
    "hidden_dropout_prob": 0.0,
    "initializer_range": 0.2,
}


def row_of(source: int, spans: list[int]) -> tuple[list[int], list[int]]:
    """Ranks and horizons of a row with both flows, and spans of these lengths."""
    target = sum(spans)
    before = [sum(spans[:number]) for number, size in enumerate(spans) for _ in range(size)]
    ranks = [0] * source + [*range(1, target + 1)] + [FAR] * 2 * target
    words = [*range(2, target + 2)]
    return ranks, [1] * source + words * 2 + [2 + known for known in before]


def rule_of(*rows: tuple[int, list[int]]) -> tuple[Rule, Tensor]:
    made = [row_of(*row) for row in rows]
    ranks, horizons = (torch.tensor([n for row in made for n in row[at]]) for at in (0, 1))
    lengths = [0, *(len(row[0]) for row in made)]
    return by_rank(ranks, horizons), torch.tensor(lengths).cumsum(0).to(torch.int32)


def test_masks_are_as_they_are_written_down() -> None:
    """Two source tokens, a target of a word of one token and another one of two."""
    rule, _ = rule_of((2, [1, 2]))
    tokens = torch.arange(11)
    found = rule.sees(tokens[:, None], tokens).int().tolist()
    assert ["".join(map(str, line)) for line in found] == [
        "11 000 000 000".replace(" ", ""),
        "11 000 000 000".replace(" ", ""),
        "11 100 000 000".replace(" ", ""),
        "11 110 000 000".replace(" ", ""),
        "11 111 000 000".replace(" ", ""),
        "11 100 100 000".replace(" ", ""),
        "11 110 010 000".replace(" ", ""),
        "11 111 001 000".replace(" ", ""),
        "11 100 000 100".replace(" ", ""),
        "11 110 000 010".replace(" ", ""),
        "11 110 000 001".replace(" ", ""),
    ]
    assert sum(map(sum, found)) == visible_count(2, 3, [1, 2]) == 45


@pytest.mark.parametrize(("source", "spans"), [(1, [1]), (9, [1, 1, 1]), (40, [3, 1, 7, 2, 1])])
def test_as_many_cells_are_seen_as_are_counted(source: int, spans: list[int]) -> None:
    rule, _ = rule_of((source, spans))
    tokens = torch.arange(rule.size)
    found = rule.sees(tokens[:, None], tokens)
    assert int(found.sum()) == visible_count(source, sum(spans), spans)
    # Nobody sees a query but itself.
    queries = slice(source + sum(spans), None)
    assert int(found[:, queries].sum()) == 2 * sum(spans)


def attended(sight: Any, inputs: list[Tensor]) -> Tensor:
    q, k, v = (x.transpose(0, 1)[None] for x in inputs)
    fields = {"cu_seqlens": Tensor(), "max_seqlen": 0, "sight": sight}
    return packed_attention(torch.nn.Identity(), q, k, v, None, **fields)[0][0]


def test_both_kinds_of_attention_are_softmax_over_what_is_seen() -> None:
    """Rows of 234, 10 and 165 tokens, so that blocks of 128 begin within them."""
    rows = [(120, [1, 3, 30, 4]), (1, [3]), (90, [9, 16])]
    rule, borders = rule_of(*rows)
    assert borders.tolist() == [0, 234, 244, 409]
    seed_torch(0, "flows")
    inputs = [torch.randn(rule.size, 2, 8, dtype=torch.float64) for _ in range(3)]
    mask = torch.zeros(rule.size, rule.size, dtype=torch.bool)
    for row, begin, end in zip(rows, borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        alone, _ = rule_of(row)
        tokens = torch.arange(end - begin)
        mask[begin:end, begin:end] = alone.sees(tokens[:, None], tokens)
    q, k, v = (x.transpose(0, 1) for x in inputs)
    scores = (q @ k.mT / 8**0.5).masked_fill(~mask, -torch.inf)
    expected = (scores.softmax(-1) @ v).transpose(0, 1)
    torch.testing.assert_close(attended(dense_sight(rule, borders, 234), inputs), expected)
    torch.testing.assert_close(attended(flex_sight(rule, borders), inputs), expected)


@functools.cache
def batch() -> Batch:
    """Packed rows, and padding."""
    return next(iter(flow_batches(flow_corpus(), shuffle=False)))


def small(**fields: Any) -> Encoder:
    seed_torch(2, "flows")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps({**SMALL, **fields}), "utf-8")
        made: Encoder = load_model(str(path), [flow_corpus()], LENGTH)
    return made


@functools.cache
def model() -> Encoder:
    return small().double()


@torch.no_grad()
def hidden_of(given: Batch) -> Tensor:
    """The hidden states of the last layer, [T, d]."""
    found: list[Tensor] = []
    handle = model().hf.bert.register_forward_hook(
        lambda _module, _given, outputs: found.append(outputs.last_hidden_state[0])
    )
    model()(given)
    handle.remove()
    return found[0]


def row(number: int) -> tuple[int, int, list[Cell]]:
    begin, end = batch()["cu_seqlens"][number : number + 2].tolist()
    corpus = flow_corpus()
    return begin, end, cells_of(flow_rows()[number], 0, corpus.recipe, corpus.vocabulary, FLOWS)


def test_a_token_that_is_not_seen_changes_nothing() -> None:
    """Unmodified classes may ignore a mask without a word; this one is in force."""
    before = hidden_of(batch())
    begin, end, cells = row(1)
    source = sum(cell.stream == "source" for cell in cells)
    target = sum(cell.stream == "target" for cell in cells)
    assert len(cells) == end - begin == source + 3 * target
    # In the source, the target at its begin and end, and a query of each flow.
    for edited in (1, source, source + 2, source + target - 1, source + target, end - begin - 2):
        ids = batch()["input_ids"].clone()
        ids[0, begin + edited] = (ids[0, begin + edited] + 1001) % 2900 + 5
        changed = (hidden_of({**batch(), "input_ids": ids}) != before).any(-1)
        # What is seen of what is seen is seen as well, so this holds for any number of layers.
        assert changed[begin:end].tolist() == [sees(query, cells[edited]) for query in cells]
        assert not bool(changed[:begin].any())
        assert not bool(changed[end:].any())


def test_the_hidden_states_are_those_of_the_class_with_an_additive_mask() -> None:
    config = transformers.BertConfig(**model().hf.config.to_dict())
    config.attention_probs_dropout_prob = 0.0
    plain = transformers.BertModel._from_config(config, attn_implementation="eager").double().eval()
    plain.load_state_dict(model().hf.bert.state_dict(), strict=False)
    found = hidden_of(batch())
    for number in range(3):
        begin, end, cells = row(number)
        mask = torch.tensor([[sees(query, key) for key in cells] for query in cells]).double()
        with torch.no_grad():
            expected = plain(
                input_ids=torch.tensor([[cell.seen for cell in cells]]),
                position_ids=torch.tensor([[cell.position for cell in cells]]),
                token_type_ids=torch.tensor([[int(cell.stream != "source") for cell in cells]]),
                attention_mask=((1 - mask) * torch.finfo(torch.float64).min)[None, None],
            ).last_hidden_state[0]
        torch.testing.assert_close(found[begin:end], expected)


def test_the_losses_of_both_flows_are_weighted() -> None:
    terms, counts = model()(batch()), model().counts(batch())
    assert [*terms] == [*counts] == [*FLOWS]
    assert int(counts["word_flow"]) == int(counts["span_flow"]) > 100
    assert {name: term.weight for name, term in terms.items()} == dict.fromkeys(FLOWS, 0.5)
    words, spans = mean_losses(terms, counts).values()
    # A query of the span flow knows less than one of the word flow.
    assert not torch.equal(words, spans)
    torch.testing.assert_close(total_loss(terms, counts), (words + spans) / 2)
    for weight, names in ((1.0, ["word_flow"]), (0.25, [*FLOWS]), (0.0, ["span_flow"])):
        corpus = flow_corpus(word_weight=weight)
        tasks = flow_batches(corpus).tasks
        assert [task.name for task in tasks] == names
        weights = {"word_flow": weight, "span_flow": 1 - weight}
        assert [vars(task)["weight"] for task in tasks] == [weights[name] for name in names]


def blocks_of(given: Batch, _longest: int) -> dict[str, FlexSight]:
    """What a GPU would be given; that works on a CPU too, but for gradients."""
    rule = by_rank(given["ranks"][0], given["horizons"][0])
    return {"sight": flex_sight(rule, given["cu_seqlens"])}


@torch.no_grad()
def test_blocks_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [*flow_batches(flow_corpus())][:3]
    expected = [model()(each)["span_flow"].loss for each in batches]
    monkeypatch.setattr("trainer.models.encoder.sight_of", blocks_of)
    torch.compiler.reset()
    counter = CompileCounter()
    compiled = torch.compile(model(), backend=counter, fullgraph=True, dynamic=False)
    for each, loss in zip(batches, expected, strict=True):
        torch.testing.assert_close(compiled(each)["span_flow"].loss, loss)
    assert counter.frame_count == 1


def test_a_small_model_learns_rows_by_heart_and_opens_as_a_masked_lm(tmp_path: Path) -> None:
    learner = small(hidden_size=64, intermediate_size=128, initializer_range=0.02)
    optimizer = torch.optim.AdamW(learner.parameters(), 3e-3, weight_decay=0.0)
    for _ in range(150):
        terms, counts = learner(batch()), learner.counts(batch())
        loss = total_loss(terms, counts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if float(loss.detach()) < 0.3:
            break
    assert float(loss.detach()) < 0.3
    learner.save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "hf")
    assert type(loaded) is transformers.BertForMaskedLM
    again: Encoder = load_model(str(tmp_path / "hf"), [flow_corpus()], LENGTH)
    with torch.no_grad():
        torch.testing.assert_close(
            total_loss(again(batch()), counts), total_loss(learner(batch()), counts)
        )


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"type_vocab_size": 1}, "has type_vocab_size 1, the sources and targets of .* need 2"),
        ({"max_position_embeddings": LENGTH - 1}, f"has {LENGTH - 1} positions, .* need {LENGTH}"),
        ({"model_type": "gpt2"}, "has causal attention, .* need multi_flow attention; train a"),
        ({"model_type": "t5"}, "has encoder_decoder attention, .* need multi_flow attention"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        small(**fields)
