import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from schemas.errors import UsageError
from trainer.models.attention import (
    packed_attention,
    rectangular_attention,
    use_packed_attention,
)
from trainer.seeding import seed_torch

HEADS, WIDTH = 3, 8
CASES = {
    "one segment": [7],
    "segments of one token": [1, 1, 1],
    "all lengths": [1, 2, 3, 4, 5, 6],
    "empty ones at the end": [4, 1, 6, 0, 0, 0],
    "an empty one between": [3, 0, 0, 5],
    "the longest first and last": [9, 2, 9],
}


def made(lengths: list[int], seed: int = 0) -> tuple[list[Tensor], Tensor]:
    """Returns query, key and value, float64[T, H, D], and the borders of the segments."""
    seed_torch(seed, "attention")
    shape = sum(lengths), HEADS, WIDTH
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    borders = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    return inputs, borders


def slow(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    borders: Tensor,
    scale: float,
    *,
    causal: bool = False,
) -> Tensor:
    """Softmax attention as it is written down, a segment and a head at a time."""
    found = []
    for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        heads = []
        for head in range(HEADS):
            q, k, v = (x[begin:end, head] for x in (query, key, value))
            scores = q @ k.T * scale
            if causal:
                later = torch.ones(len(q), len(q)).triu(1).bool()
                scores = scores.masked_fill(later, -torch.inf)
            heads.append(torch.softmax(scores, -1) @ v)
        found.append(torch.stack(heads, 1))
    return torch.cat(found)


class Layer(torch.nn.Module):
    """What a model hands to its attention function."""

    def __init__(self, *, is_causal: bool) -> None:
        super().__init__()
        self.is_causal = is_causal


def packed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    borders: Tensor,
    longest: int,
    scale: float | None,
    *,
    causal: bool = False,
) -> Tensor:
    """Calls the attention as a model does."""
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))
    found, weights = packed_attention(
        Layer(is_causal=causal),
        q,
        k,
        v,
        None,
        cu_seqlens=borders,
        max_seqlen=longest,
        scaling=scale,
    )
    assert weights is None
    return found[0]


def gradients(output: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).reshape(output.shape)
    return torch.autograd.grad((output * weights).sum(), inputs)


Attention = Callable[..., Tensor]
ATTENTIONS = pytest.mark.parametrize("attention", [rectangular_attention, packed])
LENGTHS = pytest.mark.parametrize("lengths", CASES.values(), ids=CASES.keys())


@ATTENTIONS
@LENGTHS
def test_every_segment_attends_to_itself(attention: Attention, lengths: list[int]) -> None:
    inputs, borders = made(lengths)
    found = attention(*inputs, borders, max(lengths), None)
    torch.testing.assert_close(found, slow(*inputs, borders, 1 / math.sqrt(WIDTH)))


@ATTENTIONS
@LENGTHS
def test_gradients_are_those_of_attention_within_segments(
    attention: Attention, lengths: list[int]
) -> None:
    inputs, borders = made(lengths)
    found = gradients(attention(*inputs, borders, max(lengths), None), inputs)
    expected = gradients(slow(*inputs, borders, 1 / math.sqrt(WIDTH)), inputs)
    torch.testing.assert_close(found, expected)


@ATTENTIONS
def test_the_bound_on_lengths_may_be_loose(attention: Attention) -> None:
    inputs, borders = made([3, 5, 0])
    found = attention(*inputs, borders, 40, None)
    torch.testing.assert_close(found, slow(*inputs, borders, 1 / math.sqrt(WIDTH)))


@ATTENTIONS
def test_scores_are_scaled_as_asked(attention: Attention) -> None:
    inputs, borders = made([3, 5, 0])
    found = attention(*inputs, borders, 5, 0.7)
    torch.testing.assert_close(found, slow(*inputs, borders, 0.7))


@ATTENTIONS
@LENGTHS
def test_a_traced_attention_is_the_same(attention: Attention, lengths: list[int]) -> None:
    inputs, borders = made(lengths)
    torch.compiler.reset()
    compiled = torch.compile(attention, backend="eager", fullgraph=True, dynamic=False)
    found = compiled(*inputs, borders, max(lengths), None)
    expected = slow(*inputs, borders, 1 / math.sqrt(WIDTH))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(found, inputs), gradients(expected, inputs))


@ATTENTIONS
@LENGTHS
def test_causal_attention_sees_nothing_later(attention: Attention, lengths: list[int]) -> None:
    inputs, borders = made(lengths)
    for longest in (max(lengths), 40):
        found = attention(*inputs, borders, longest, None, causal=True)
        expected = slow(*inputs, borders, 1 / math.sqrt(WIDTH), causal=True)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(gradients(found, inputs), gradients(expected, inputs))


def test_what_a_call_says_goes_before_what_the_layer_says() -> None:
    inputs, borders = made([3, 4])
    heads = [x.transpose(0, 1)[None] for x in inputs]
    told: dict[str, Any] = {"cu_seqlens": borders, "max_seqlen": 4}
    found, _ = packed_attention(Layer(is_causal=False), *heads, None, is_causal=True, **told)
    other, _ = packed_attention(Layer(is_causal=True), *heads, None, is_causal=False, **told)
    scale = 1 / math.sqrt(WIDTH)
    torch.testing.assert_close(found[0], slow(*inputs, borders, scale, causal=True))
    torch.testing.assert_close(other[0], slow(*inputs, borders, scale))


@pytest.mark.parametrize("kind", ["XLNetModel", "MPNetModel", "ConvBertModel", "OpenAIGPTModel"])
def test_a_class_that_refuses_the_attention_is_refused(kind: str) -> None:
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    if kind == "XLNetModel":
        sizes = {"d_model": 16, "n_head": 2, "n_layer": 1}
    config = getattr(transformers, kind.replace("Model", "Config"))(vocab_size=20, **sizes)
    with pytest.raises(UsageError) as refused:
        use_packed_attention(getattr(transformers, kind)(config))
    assert str(refused.value).startswith(f"{kind} cannot be trained on packed rows: it computes")


def test_what_another_segment_holds_changes_not_one_bit() -> None:
    inputs, borders = made([2, 3, 4])
    changed = [x.detach().clone() for x in inputs]
    for x in changed:
        x[2:5] += 1000
    before = rectangular_attention(*inputs, borders, 4, None)
    after = rectangular_attention(*changed, borders, 4, None)
    assert torch.equal(torch.cat([after[:2], after[5:]]), torch.cat([before[:2], before[5:]]))
    assert not torch.equal(after[2:5], before[2:5])


@pytest.mark.parametrize("dropout", [0.1, 1.0])
def test_dropout_is_refused(dropout: float) -> None:
    q = torch.zeros(1, HEADS, 4, WIDTH)
    borders = torch.tensor([0, 4], dtype=torch.int32)
    with pytest.raises(ValueError, match=r"^packed attention takes neither a mask nor dropout"):
        packed_attention(
            torch.nn.Identity(), q, q, q, None, cu_seqlens=borders, max_seqlen=4, dropout=dropout
        )


def test_a_mask_is_refused() -> None:
    q, mask = torch.zeros(1, HEADS, 4, WIDTH), torch.ones(1, 1, 4, 4)
    borders = torch.tensor([0, 4], dtype=torch.int32)
    with pytest.raises(ValueError, match=r"^packed attention takes neither a mask nor dropout"):
        packed_attention(torch.nn.Identity(), q, q, q, mask, cu_seqlens=borders, max_seqlen=4)
