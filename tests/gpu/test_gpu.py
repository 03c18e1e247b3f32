"""What only a GPU can show: the kernel for packed attention, and compiled steps in bfloat16."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from tests.support.language_rows import (
    causal,
    lanes,
    orders,
    packed,
    permuted,
    random_rows,
)
from tests.support.language_rows import loss_of as language_loss_of
from tests.support.pair_batches import mean_loss, paired, pairs
from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.attention import packed_attention, rectangular_attention
from trainer.models.encoder import Encoder
from trainer.models.load import load_model
from trainer.models.sight import Rule, by_distance, by_rank, dense_sight, flex_sight
from trainer.optim import adamw, parameter_groups
from trainer.rows.layouts import Batch
from trainer.rows.modes import mode_ranges
from trainer.seeding import seed_torch
from trainer.tasks.losses import mean_losses
from transforms.contract.modes import FAR, Mode
from transforms.objectives import OBJECTIVES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

LENGTHS = {
    "no empty segment": [5, 128, 1, 64],
    "empty ones at the end": [128, 7, 0, 0, 0],
    "an empty one between": [9, 0, 128, 3, 0],
}


class Layer(torch.nn.Module):
    """What a model hands to its attention function."""

    def __init__(self, *, is_causal: bool) -> None:
        super().__init__()
        self.is_causal = is_causal


def attend(lengths: list[int], *, kernel: bool, causal: bool) -> tuple[Tensor, ...]:
    """Returns the output and the gradients of query, key and value, all float32."""
    seed_torch(1, "gpu-attention")
    shape = 1, 4, sum(lengths), 64
    inputs = [
        torch.randn(shape, device="cuda").bfloat16().requires_grad_(requires_grad=True)
        for _ in range(3)
    ]
    borders = torch.tensor([0, *lengths], device="cuda").cumsum(0).to(torch.int32)
    if kernel:
        module = Layer(is_causal=causal)
        output, _ = packed_attention(module, *inputs, None, cu_seqlens=borders, max_seqlen=128)
    else:
        q, k, v = (each.float()[0].transpose(0, 1) for each in inputs)
        output = rectangular_attention(q, k, v, borders, 128, None, causal=causal)[None]
    weights = torch.linspace(-1, 1, output.numel(), device="cuda").reshape(output.shape)
    gradients = torch.autograd.grad((output.float() * weights).sum(), inputs)
    return output.detach().float(), *(gradient.float() for gradient in gradients)


@pytest.mark.parametrize("causal", [False, True], ids=["bidirectional", "causal"])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_the_kernel_is_the_rectangular_attention(lengths: list[int], *, causal: bool) -> None:
    found, expected = (attend(lengths, kernel=each, causal=causal) for each in (True, False))
    for ours, theirs in zip(found, expected, strict=True):
        assert bool(ours.isfinite().all())
        # bfloat16 keeps 8 bits: an error of 2**-8 of each number, and several of them add up.
        assert float((ours - theirs).norm() / theirs.norm()) < 2**-6


ROWS = [(100, 60), (1, 0), (130, 3), (2, 90), (64, 62)]
"""Two parts of rows, of 512 tokens in all."""


def in_mode(mode: Mode) -> Rule:
    pieces = torch.tensor([piece for row in ROWS for piece in (0, 1) for _ in range(row[piece])])
    return by_distance(pieces.cuda(), torch.from_numpy(mode_ranges(mode)).cuda())


def in_flows() -> Rule:
    """The second part is a target and its queries, which are as many, or one more."""
    halves = [(first, second // 2, second - second // 2) for first, second in ROWS]
    ranks = [
        rank
        for first, target, queries in halves
        for rank in [*[0] * first, *range(1, target + 1), *[FAR] * queries]
    ]
    horizons = [
        horizon
        for first, target, queries in halves
        for horizon in [*[1] * first, *range(2, target + 2), *range(2, queries + 2)]
    ]
    return by_rank(torch.tensor(ranks).cuda(), torch.tensor(horizons).cuda())


def attend_by(rule: Rule, *, kernel: bool) -> tuple[Tensor, ...]:
    """Returns the output and the gradients of query, key and value by a rule, all float32."""
    seed_torch(1, "gpu-attention")
    borders = torch.tensor([0, *map(sum, ROWS), 0]).cumsum(0).to(torch.int32).cuda()
    inputs = [
        torch.randn(1, 4, rule.size, 64, device="cuda").bfloat16().requires_grad_()
        for _ in range(3)
    ]
    if kernel:
        output = flex_sight(rule, borders).attend(*inputs, None)
    else:
        dense = dense_sight(rule, borders, 160)
        output = dense.attend(*(each.float() for each in inputs), None)
    weights = torch.linspace(-1, 1, output.numel(), device="cuda").reshape(output.shape)
    gradients = torch.autograd.grad((output.float() * weights).sum(), inputs)
    return output.detach().float(), *(gradient.float() for gradient in gradients)


RULES: Mapping[str, Callable[[], Rule]] = {
    **{mode.name: functools.partial(in_mode, mode) for mode in OBJECTIVES["unilm"].modes},
    "flows": in_flows,
}


@pytest.mark.parametrize("name", RULES)
def test_blocks_of_flex_attention_are_the_dense_masks(name: str) -> None:
    found, expected = (attend_by(RULES[name](), kernel=each) for each in (True, False))
    for ours, theirs in zip(found, expected, strict=True):
        assert bool(ours.isfinite().all())
        # As above.
        assert float((ours - theirs).norm() / theirs.norm()) < 2**-6


@functools.cache
def batches() -> tuple[Batch, ...]:
    """Two full batches, the last one and one without rows, on the GPU."""
    opened = open_local_corpus(corpus("bert-wwm"))
    count = len(ArrowBatches(opened, batch_tokens=4096))
    first, second, *_, last, empty = ArrowBatches(
        opened, batch_tokens=4096, batches_per_step=count + 1
    )
    return tuple(
        {name: tensor.cuda() for name, tensor in batch.items()}
        for batch in (first, second, last, empty)
    )


def model() -> Encoder:
    seed_torch(2, "gpu-model")
    opened = open_local_corpus(corpus("bert-wwm"))
    encoder: Encoder = load_model("bert-tiny", [opened], 128).cuda()
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return encoder


def loss_of(called: Any, encoder: Encoder, batch: Batch, *, bf16: bool) -> Tensor:
    with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
        parts = called(batch)
    return torch.stack([*mean_losses(parts, encoder.counts(batch)).values()]).sum()


@pytest.mark.parametrize("number", range(4))
def test_a_step_in_bfloat16_is_finite(number: int) -> None:
    encoder = model()
    loss = loss_of(encoder, encoder, batches()[number], bf16=True)
    loss.backward()
    assert bool(loss.isfinite())
    for name, weight in encoder.named_parameters():
        assert weight.grad is not None, name
        assert bool(weight.grad.isfinite().all()), name


def test_losses_in_bfloat16_are_those_in_float32_within_a_hundredth() -> None:
    losses = {}
    for bf16 in (True, False):
        encoder = model()
        optimizer = adamw(parameter_groups(encoder, 0.01), 1e-4)
        found = []
        for batch in batches()[:3]:
            loss = loss_of(encoder, encoder, batch, bf16=bf16)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            found.append(loss.detach())
        losses[bf16] = torch.stack(found)
    torch.testing.assert_close(losses[True], losses[False], rtol=1e-2, atol=0)


def test_a_compiled_model_is_compiled_once_and_gives_the_same_losses() -> None:
    torch.compiler.reset()
    encoder, counter = model(), CompileCounterWithBackend("inductor")
    compiled = torch.compile(encoder, backend=counter, fullgraph=True, dynamic=False)
    for batch in batches():
        found = loss_of(compiled, encoder, batch, bf16=True)
        found.backward()
        expected = loss_of(encoder, encoder, batch, bf16=True)
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-6)
    assert counter.frame_count == 1


LANGUAGE_MODELS = {
    "gpt-tiny": (causal(max_seq_length=128), False),
    "transformer-xl-tiny": (causal("transformer-xl", max_seq_length=128, memory=64), False),
    "xlnet-tiny": (permuted(length=128, reuse_len=64, memory=96), True),
}


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_language_models_in_bfloat16_lose_what_they_do_in_float32(name: str) -> None:
    data, two_streams = LANGUAGE_MODELS[name]
    seed_torch(3, "gpu-language", name)
    model = load_model(name, [data], 129).cuda().eval()
    rows = random_rows(8, 129)
    if two_streams:
        made = orders(rows[:, :128], reuse_len=64, ranked=20)
    else:
        made = packed([*rows], 8 * 128, 128) if name == "gpt-tiny" else lanes(rows)
    batch = {key: tensor.cuda() for key, tensor in made.items()}
    losses = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=enabled):
            losses.append(language_loss_of(model, batch))
        losses[-1].backward()
        for each, weight in model.named_parameters():
            assert weight.grad is None or bool(weight.grad.isfinite().all()), each
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-2, atol=0)


PAIRS = {"t5-tiny": False, "bart-tiny": True, "prophetnet-tiny": True}
"""Whether positions of the decoder can be given."""


@pytest.mark.parametrize("name", PAIRS)
def test_encoder_decoders_in_bfloat16_lose_what_they_do_in_float32(name: str) -> None:
    seed_torch(4, "gpu-pairs", name)
    model = load_model(name, [paired(max_seq_length=512)], 512).cuda().eval()
    made = pairs([400, 300, 17], [100, 90, 5], more=3)
    if PAIRS[name]:
        made["decoder_position_ids"] = torch.arange(50, 153).expand(made["labels"].shape)
    batch = {key: tensor.cuda() for key, tensor in made.items()}
    losses = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=enabled):
            losses.append(mean_loss(model, batch))
        losses[-1].backward()
        for each, weight in model.named_parameters():
            assert weight.grad is not None, each
            assert bool(weight.grad.isfinite().all()), each
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-2, atol=0)


@pytest.mark.parametrize("name", ["t5-tiny", "bart-tiny"])
def test_a_compiled_encoder_decoder_gives_the_same_losses(name: str) -> None:
    torch.compiler.reset()
    seed_torch(4, "gpu-pairs", name)
    model = load_model(name, [paired(max_seq_length=512)], 512).cuda().eval()
    counter = CompileCounterWithBackend("inductor")
    compiled = torch.compile(model, backend=counter, fullgraph=True, dynamic=False)
    for sources in ([400, 300], [200, 400]):
        batch = {key: tensor.cuda() for key, tensor in pairs(sources, [100, 100]).items()}
        with torch.autocast("cuda", torch.bfloat16):
            found, expected = compiled(batch)["seq2seq"].loss, model(batch)["seq2seq"].loss
        found.backward()
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-6)
    assert counter.frame_count == 1


def test_a_gradient_that_is_not_finite_changes_no_weight() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4, device="cuda"))
    optimizer: Any = adamw([{"params": [weight]}], 0.1)
    weight.grad = torch.full_like(weight, torch.nan)
    optimizer.found_inf = torch.ones((), device="cuda")
    optimizer.step()
    assert torch.equal(weight.detach(), torch.ones(4, 4, device="cuda"))
    assert int(optimizer.state[weight]["step"]) == 0
