"""XLNet and Transformer-XL compute what the class of Hugging Face does for the same rows."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import cross_entropy

from schemas.errors import UsageError
from tests.support.language_rows import (
    EOD,
    IDS,
    IGNORED,
    TRANSFORMER_XL,
    XLNET,
    causal,
    lanes,
    loss_of,
    model_of,
    orders,
    permuted,
    random_rows,
)
from trainer.models.load import load_model
from trainer.models.xlnet import XLNet
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch

LANES, LENGTH, REUSE, MEMORY = 4, 16, 8, 12
MANY = pytest.mark.parametrize("memory", [0, MEMORY])


def xlnet(folder: Path, *, memory: int = MEMORY, streams: int = 1, **changes: Any) -> XLNet:
    corpus = permuted(memory=memory, reuse_len=REUSE, streams=streams)
    model: XLNet = model_of(folder, corpus, LENGTH, **{**XLNET, **changes})
    return model


def transformer_xl(folder: Path, *, memory: int = MEMORY, **changes: Any) -> XLNet:
    corpus = causal("transformer-xl", memory=memory, max_seq_length=LENGTH)
    model: XLNet = model_of(folder, corpus, LENGTH + 1, **{**TRANSFORMER_XL, **changes})
    return model


def plain(model: XLNet, **changes: Any) -> Any:
    """A model of Hugging Face of its own, with the same weights."""
    config = copy.deepcopy(model.hf.config)
    for name, value in changes.items():
        setattr(config, name, value)
    found = transformers.XLNetLMHeadModel(config)
    found.load_state_dict(model.hf.state_dict())
    return found.to(model.hf.dtype)


def permuted_inputs(batch: Batch) -> dict[str, Tensor]:
    """What the class is called with for two streams, one token at a time."""
    ids, ranks, special = (batch[n] for n in ("input_ids", "ranks", "special_tokens_mask"))
    count, length = ids.shape
    mask = torch.zeros(count, length, length)
    for b in range(count):
        for i in range(length):
            for j in range(length):
                half = i < REUSE, j < REUSE
                own, other = int(ranks[b, i]), int(ranks[b, j])
                own = own + 1 if special[b, i] else max(own, 0)
                hidden = half[0] == half[1] and other >= 0 and own <= other
                mask[b, i, j] = float(hidden or half == (True, False))
    mapping = torch.zeros(count, batch["labels"].shape[1], length)
    for b, places in enumerate(batch["target_positions"].tolist()):
        for p, at in enumerate(places):
            mapping[b, p, at] = float(batch["labels"][b, p] != IGNORED)
    types = batch["token_type_ids"]
    return {"input_ids": ids, "token_type_ids": types, "perm_mask": mask, "target_mapping": mapping}


def zeros(model: XLNet, memory: int = MEMORY) -> Any:
    return [torch.zeros(memory, LANES, 16, dtype=model.hf.dtype) for _ in range(2)]


def assert_same_gradients(model: XLNet, hf: Any, tolerance: float) -> None:
    # The class has gradients for all it has used, and zeros or none for the rest.
    expected = {n: p.grad for n, p in hf.named_parameters() if p.grad is not None}
    found = {n: p.grad for n, p in model.hf.named_parameters() if p.requires_grad}
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in found.items():
        assert gradient is not None, name
        error = float((gradient - expected[name]).norm())
        assert error <= tolerance * (float(expected[name].norm()) + 0.1 * largest), name
    left = {name for name in expected if name not in found}
    assert not any(bool(expected[name].any()) for name in left)


def test_batches_here_show_what_they_should() -> None:
    batch = orders(random_rows(LANES, LENGTH), reuse_len=REUSE)
    used = (batch["labels"] != IGNORED).sum(1)
    assert len(set(used.tolist())) == 2
    assert bool((batch["labels"][:, -1] == IGNORED).all())
    assert bool((batch["target_positions"] >= REUSE).any())


@MANY
def test_two_streams_have_the_loss_and_gradients_of_the_class(memory: int, tmp_path: Path) -> None:
    # In float32: the class cannot compute two streams in float64.
    model = xlnet(tmp_path, memory=memory)
    hf = plain(model, reuse_len=REUSE)
    batches = [orders(random_rows(LANES, LENGTH, n), seed=n) for n in range(3)]
    batches[1:] = [{**each, "reset": torch.zeros(LANES, dtype=torch.bool)} for each in batches[1:]]
    state, mems = None, zeros(model) if memory else None
    for batch in batches:
        inputs = permuted_inputs(batch)
        outputs = hf(**inputs, labels=batch["labels"], mems=mems, use_mems=bool(memory))
        found = model(batch, state) if memory else model(batch)
        terms, state = found if memory else (found, None)
        loss = terms["plm"].loss / model.counts(batch)["plm"]
        torch.testing.assert_close(loss, outputs.loss, rtol=1e-6, atol=0)
        right = (outputs.logits.argmax(-1) == batch["labels"]).sum()
        assert int(terms["plm"].correct) == int(right)
        for one in (model, hf):
            one.zero_grad()
        loss.backward()
        outputs.loss.backward()
        assert_same_gradients(model, hf, 1e-5)
        if memory:
            mems = outputs.mems
            assert state is not None
            torch.testing.assert_close(state["mems"], torch.stack(mems).permute(2, 0, 1, 3))
            assert state["mems"].shape == (LANES, 2, MEMORY, 16)
            assert not state["mems"].requires_grad


@MANY
def test_next_tokens_have_the_loss_and_gradients_of_the_class(memory: int, tmp_path: Path) -> None:
    model = transformer_xl(tmp_path, memory=memory).double()
    hf, state, mems = plain(model), None, zeros(model) if memory else None
    stream = random_rows(LANES, 3 * LENGTH + 1)
    for begin in range(0, 3 * LENGTH, LENGTH):
        rows = stream[:, begin : begin + LENGTH + 1]
        batch = lanes(rows, reset=begin == 0)
        outputs = hf(input_ids=rows[:, :-1], mems=mems, use_mems=bool(memory))
        expected = cross_entropy(outputs.logits.flatten(0, 1), rows[:, 1:].flatten())
        found = model(batch, state) if memory else model(batch)
        terms, state = found if memory else (found, None)
        loss = terms["lm"].loss / model.counts(batch)["lm"]
        torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=0)
        for one in (model, hf):
            one.zero_grad()
        loss.backward()
        expected.backward()
        # In float64 but for the cross entropy.
        assert_same_gradients(model, hf, 1e-6)
        mems = outputs.mems if memory else None


def test_the_memory_makes_one_text_of_the_rows(tmp_path: Path) -> None:
    """With a memory of the whole past, the last row is read as in one long row."""
    model = transformer_xl(tmp_path, memory=2 * LENGTH, n_layer=1)
    stream, state = random_rows(LANES, 3 * LENGTH + 1), None
    with torch.no_grad():
        for begin in range(0, 3 * LENGTH, LENGTH):
            rows = stream[:, begin : begin + LENGTH + 1]
            terms, state = model(lanes(rows, reset=begin == 0), state)
        logits = plain(model).eval()(input_ids=stream[:, :-1]).logits[:, -LENGTH:]
        expected = cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")
    torch.testing.assert_close(terms["lm"].loss, expected, rtol=1e-6, atol=0)


def query_logits(model: XLNet, batch: Batch) -> Tensor:
    """float[P, V]: of the targets of the first row."""
    heads: list[Tensor] = []
    hook = model.hf.transformer.layer[-1].ff.register_forward_hook(
        lambda _module, _given, output: heads.append(output)
    )
    with torch.no_grad():
        model(batch)
        hook.remove()
        # The last layer computes nothing but the query stream.
        [states] = heads
        found: Tensor = model.hf.lm_loss(states[0])
    return found


def test_a_target_sees_exactly_the_targets_before_it(tmp_path: Path) -> None:
    model = xlnet(tmp_path, memory=0, n_layer=1)
    batch = orders(random_rows(LANES, LENGTH), reuse_len=REUSE)
    before, ranks = query_logits(model, batch), batch["ranks"][0]
    places = batch["target_positions"][0][batch["labels"][0] != IGNORED].tolist()
    for edited in places:
        ids = batch["input_ids"].clone()
        ids[0, edited] = (ids[0, edited] + 1) % IDS
        after = query_logits(model, {**batch, "input_ids": ids})
        for number, place in enumerate(places):
            halves = place < REUSE, edited < REUSE
            later = halves[0] == halves[1] and bool(ranks[place] > ranks[edited])
            changes = later or halves == (False, True)
            same = torch.allclose(before[number], after[number], rtol=0, atol=1e-6)
            assert same != changes, (place, edited)


def test_no_target_sees_itself_through_the_layers(tmp_path: Path) -> None:
    model = xlnet(tmp_path, memory=0, n_layer=3)
    batch = orders(random_rows(LANES, LENGTH), reuse_len=REUSE)
    before = query_logits(model, batch)
    for number, place in enumerate(batch["target_positions"][0].tolist()[:-2]):
        ids = batch["input_ids"].clone()
        ids[0, place] = (ids[0, place] + 1) % IDS
        after = query_logits(model, {**batch, "input_ids": ids})
        torch.testing.assert_close(before[number], after[number], rtol=0, atol=1e-6)


def test_no_token_sees_a_later_one_if_attention_is_causal(tmp_path: Path) -> None:
    model = transformer_xl(tmp_path, memory=0, n_layer=3)
    rows = random_rows(1, LENGTH + 1)
    edited = rows.clone()
    edited[0, 9] = (rows[0, 9] + 1) % IDS
    with torch.no_grad():
        before, after = (model.hf(input_ids=each[:, :-1]).logits[0] for each in (rows, edited))
    torch.testing.assert_close(before[:9], after[:9], rtol=0, atol=1e-6)
    assert not torch.isclose(before[9:], after[9:]).all(-1).any()


KINDS = pytest.mark.parametrize("kind", ["xlnet", "transformer-xl"])


def stepped(kind: str, folder: Path) -> tuple[XLNet, list[Batch]]:
    """A model with a memory, and two consecutive batches of it."""
    if kind == "xlnet":
        batches = [orders(random_rows(LANES, LENGTH, n), seed=n) for n in range(2)]
        return xlnet(folder), batches
    rows = random_rows(LANES, 2 * LENGTH + 1)
    return transformer_xl(folder), [lanes(rows[:, : LENGTH + 1]), lanes(rows[:, LENGTH:])]


@KINDS
def test_each_lane_remembers_its_own_row_alone(kind: str, tmp_path: Path) -> None:
    model, (first, _) = stepped(kind, tmp_path)
    edited = {**first, "input_ids": first["input_ids"].clone()}
    edited["input_ids"][2, 3] = (edited["input_ids"][2, 3] + 1) % IDS
    _, before = model(first, None)
    _, after = model(edited, None)
    same = (before["mems"] == after["mems"]).flatten(1).all(1)
    assert same.tolist() == [True, True, False, True]


@KINDS
def test_memory_of_another_stream_is_forgotten(kind: str, tmp_path: Path) -> None:
    model, (first, second) = stepped(kind, tmp_path)
    _, state = model(first, None)
    _, other = model({**first, "input_ids": first["input_ids"].flip(1)}, None)
    reset = torch.tensor([False, True, False, True])
    batch = {**second, "reset": reset}
    found, expected = (model(batch, each)[1]["mems"] for each in (state, other))
    same = (found == expected).flatten(1).all(1)
    assert torch.equal(same, reset)
    fresh = model(second, None)[1]["mems"]
    torch.testing.assert_close(found[reset], fresh[reset])
    # Even what is not finite: 0 times infinity would not be 0.
    broken = {"mems": state["mems"].masked_fill(reset[:, None, None, None], torch.inf)}
    assert bool(model(batch, broken)[1]["mems"].isfinite().all())


@KINDS
def test_the_memory_changes_what_is_predicted(kind: str, tmp_path: Path) -> None:
    model, (first, second) = stepped(kind, tmp_path)
    going_on = {**second, "reset": torch.zeros(LANES, dtype=torch.bool)}
    _, state = model(first, None)
    with torch.no_grad():
        losses = [loss_of(model, batch, state) for batch in (second, going_on)]
    assert abs(losses[0] - losses[1]) > 1e-3


def test_xlnet_remembers_the_part_that_goes_on(tmp_path: Path) -> None:
    model = xlnet(tmp_path, dropout=0.0)
    batch = orders(random_rows(LANES, LENGTH))
    _, state = model(batch, None)
    embedded = model.hf.transformer.word_embedding(batch["input_ids"][:, :REUSE])
    assert bool((state["mems"][:, 0, : MEMORY - REUSE] == 0).all())
    torch.testing.assert_close(state["mems"][:, 0, MEMORY - REUSE :], embedded)


def test_transformer_xl_remembers_the_last_tokens(tmp_path: Path) -> None:
    model, rows = transformer_xl(tmp_path), random_rows(LANES, LENGTH + 1)
    _, state = model(lanes(rows), None)
    embedded = model.hf.transformer.word_embedding(rows[:, LENGTH - MEMORY : LENGTH])
    torch.testing.assert_close(state["mems"][:, 0], embedded)


def test_without_a_memory_there_is_no_state(tmp_path: Path) -> None:
    model = transformer_xl(tmp_path, memory=0)
    assert not model.stateful
    assert list(model(lanes(random_rows(LANES, LENGTH + 1)))) == ["lm"]
    assert transformer_xl(tmp_path).stateful


def test_the_second_half_of_the_lanes_may_be_reversed(tmp_path: Path) -> None:
    model = xlnet(tmp_path, streams=2)
    batch, hf = orders(random_rows(LANES, LENGTH)), plain(model, reuse_len=REUSE, bi_data=True)
    with torch.no_grad():
        expected = hf(**permuted_inputs(batch), labels=batch["labels"], mems=zeros(model)).loss
        found = loss_of(model, batch)
        forward = loss_of(xlnet(tmp_path), batch)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    assert abs(found - forward) > 1e-4
    # Whoever loads it has batches of any size.
    model.save_pretrained(tmp_path / "hf")
    loaded = transformers.XLNetLMHeadModel.from_pretrained(tmp_path / "hf")
    assert (loaded.config.bi_data, loaded.config.reuse_len) == (False, None)
    assert loaded(input_ids=batch["input_ids"][:3]).logits.shape == (3, LENGTH, IDS + 4)


@KINDS
def test_places_without_rows_add_nothing(kind: str, tmp_path: Path) -> None:
    model, (batch, _) = stepped(kind, tmp_path)
    empty = {**batch, "labels": torch.full_like(batch["labels"], IGNORED)}
    [(name, term)] = model(empty, None)[0].items()
    assert int(model.counts(empty)[name]) == int(term.correct) == 0
    term.loss.backward()
    for each, weight in model.named_parameters():
        assert weight.grad is not None or not weight.requires_grad, each
        assert weight.grad is None or not bool(weight.grad.any()), each


@KINDS
def test_every_trained_weight_has_a_gradient(kind: str, tmp_path: Path) -> None:
    model, (batch, _) = stepped(kind, tmp_path)
    loss_of(model, batch).backward()
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert all((w.grad is None) == (name in frozen) for name, w in model.named_parameters())
    unused = ("mask_emb", "seg_embed", "r_s_bias")
    expected = [name for name, _ in model.named_parameters() if name.endswith(unused)]
    assert sorted(frozen) == (sorted(expected) if kind == "transformer-xl" else [])


@KINDS
def test_bfloat16_gives_nearly_the_same_loss(kind: str, tmp_path: Path) -> None:
    model, (first, second) = stepped(kind, tmp_path)
    second = {**second, "reset": torch.zeros(LANES, dtype=torch.bool)}
    losses = []
    for enabled in (False, True):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            _, state = model(first, None)
            losses.append(loss_of(model, second, state))
            assert state["mems"].dtype == torch.float32
    torch.testing.assert_close(losses[1], losses[0], rtol=2**-6, atol=0)


@KINDS
def test_in_evaluation_nothing_is_dropped(kind: str, tmp_path: Path) -> None:
    make = xlnet if kind == "xlnet" else transformer_xl
    _, (batch, _) = stepped(kind, tmp_path)
    dropping, exact = (make(tmp_path, dropout=rate) for rate in (0.5, 0.0))
    with torch.no_grad():
        expected, other = loss_of(exact, batch), loss_of(dropping, batch)
        torch.testing.assert_close(loss_of(dropping.eval(), batch), expected)
    assert not torch.isclose(other, expected, rtol=1e-3)


@KINDS
def test_batches_with_a_memory_take_one_graph(kind: str, tmp_path: Path) -> None:
    model, (first, second) = stepped(kind, tmp_path)
    counter = CompileCounter()
    torch.compiler.reset()
    compiled: Any = torch.compile(model, backend=counter, fullgraph=True, dynamic=False)
    state, expected = model(first, None)[1], model(first, None)[1]
    for batch in (second, first, second):
        going_on = {**batch, "reset": torch.tensor([True, False, False, True])}
        found, state = compiled(going_on, state)
        wanted, expected = model(going_on, expected)
        torch.testing.assert_close(
            next(iter(found.values())).loss, next(iter(wanted.values())).loss
        )
        torch.testing.assert_close(state, expected)
    assert counter.frame_count == 1
    torch.compiler.reset()


@KINDS
def test_what_is_saved_opens_as_the_class(kind: str, tmp_path: Path) -> None:
    model, (batch, _) = stepped(kind, tmp_path)
    model.save_pretrained(tmp_path / "hf")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval()
    assert type(loaded) is transformers.XLNetLMHeadModel is type(model.hf)
    assert (loaded.config.mem_len, loaded.config.eos_token_id) == (MEMORY, EOD)
    expected = model.hf.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(each, expected[name]) for name, each in loaded.state_dict().items())
    ids = batch["input_ids"]
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, plain(model).eval()(input_ids=ids).logits)
    seed_torch(99)
    corpus = permuted(memory=MEMORY, reuse_len=REUSE)
    if kind == "transformer-xl":
        corpus = causal(kind, memory=MEMORY, max_seq_length=LENGTH)
    again = load_model(str(tmp_path / "hf"), [corpus], LENGTH + 1)
    assert torch.equal(loss_of(again, batch), loss_of(model, batch))


@KINDS
def test_a_small_model_learns_rows_by_heart(kind: str, tmp_path: Path) -> None:
    _, batches = stepped(kind, tmp_path)
    make = xlnet if kind == "xlnet" else transformer_xl
    model = make(tmp_path, d_model=64, n_head=4, initializer_range=0.02)
    batches[1] = {**batches[1], "reset": torch.zeros(LANES, dtype=torch.bool)}
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.0)
    for _ in range(150):
        state = None
        for batch in batches:
            terms, state = model(batch, state)
            [(name, term)] = terms.items()
            (term.loss / model.counts(batch)[name]).backward()
            optimizer.step()
            optimizer.zero_grad()
        if float(term.loss.detach()) < 0.05 * float(model.counts(batch)[name]):
            break
    assert float(loss_of(model, batch, model(batches[0], None)[1]).detach()) < 0.1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mem_len": 512}, "has mem_len 512, data is made for 12; set it to 12 or null"),
        ({"mem_len": 0}, "has mem_len 0, data is made for 12; set it to 12 or null"),
        ({"reuse_len": 9}, "has reuse_len 9, data is made for 8; set it to 8 or null"),
        ({"attn_type": "uni"}, "has attn_type 'uni', the rows of data need 'bi'; set it, or train"),
    ],
)
def test_a_configuration_for_other_rows_is_refused(
    fields: dict[str, Any], told: str, tmp_path: Path
) -> None:
    xlnet(tmp_path, mem_len=MEMORY, reuse_len=REUSE)
    with pytest.raises(UsageError) as refused:
        xlnet(tmp_path, **fields)
    assert told in str(refused.value)


def test_two_streams_are_not_for_next_tokens(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the rows of data need 'uni'; set it, or train transfor"):
        transformer_xl(tmp_path, attn_type="bi")


def test_a_memory_cannot_keep_documents_apart(tmp_path: Path) -> None:
    corpus = causal("transformer-xl", keep_apart=True)
    with pytest.raises(UsageError, match=r"cannot keep the documents of a row apart"):
        model_of(tmp_path, corpus, **TRANSFORMER_XL)


def test_users_are_told_that_a_stream_is_not_trained(tmp_path: Path) -> None:
    assert "not from its generate" in transformer_xl(tmp_path).notice
    assert not xlnet(tmp_path).notice


def test_a_mixture_is_refused(tmp_path: Path) -> None:
    transformer_xl(tmp_path)
    with pytest.raises(UsageError, match="learns one recipe, and not a mixture"):
        load_model(str(tmp_path / "xlnet.json"), [causal("transformer-xl", memory=MEMORY)] * 2, 9)


def test_operations_of_a_token_are_those_of_its_matrix_products(tmp_path: Path) -> None:
    layer, head = 4 * 16**2 + 2 * 16 * 24, 16 * (IDS + 4)
    again = 2 * 16**2 * MEMORY / 100
    attended = 3 * 16 * (MEMORY + 100)
    # Of 200 tokens a token sees 100 on average, if it sees none after it.
    recurrent = 2 * (layer + again / 2 + attended) + head
    found = transformer_xl(tmp_path).flops_per_token(MEMORY + 100, 1.0)
    assert found == pytest.approx(6 * recurrent)
    query = 0.2 * (2 * 16**2 + 2 * 16 * 24 + attended)
    both = 2 * (layer + again + attended + query) + 0.2 * head
    assert xlnet(tmp_path).flops_per_token(MEMORY + 100, 0.2) == pytest.approx(6 * both)
