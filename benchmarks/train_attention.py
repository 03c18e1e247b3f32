"""Speed and accuracy of three implementations of attention within segments of a long sequence."""

import functools
import inspect
import statistics
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.report import row
from trainer.models.attention import rectangular_attention

HEADS, WIDTH = 12, 64
SEGMENTS = ("64", "128", "256", "512", "mixed")
"""Tokens of every segment; "mixed" has lengths from 16 to 512, and empty segments."""
LIMIT = 0.02
"""Maximum error of bf16 against float64, relative to the largest value."""
_LONGEST_MIXED, _SHORTEST_MIXED = 512, 16
_WARMUP, _TIMES = 3, 10

Attention = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]
"""Takes query, key, value [T, H, D], borders int32[S + 1] and the longest length: [T, H, D]."""


def varlen(query: Tensor, key: Tensor, value: Tensor, borders: Tensor, longest: int) -> Tensor:
    """Applies `varlen_attn`, which the trainer uses on a GPU."""
    found = varlen_attn(query, key, value, borders, borders, longest, longest)
    assert isinstance(found, Tensor)
    return found


def sdpa(query: Tensor, key: Tensor, value: Tensor, borders: Tensor, longest: int) -> Tensor:
    """Applies SDPA to [S, H, L, D]; segments of different lengths are padded and masked."""
    total, heads, width = query.shape
    if total != (len(borders) - 1) * longest:
        return rectangular_attention(query, key, value, borders, longest, None)
    q, k, v = (x.view(-1, longest, heads, width).transpose(1, 2) for x in (query, key, value))
    found: Tensor = scaled_dot_product_attention(q, k, v)
    return found.transpose(1, 2).reshape(total, heads, width)


def flex(query: Tensor, key: Tensor, value: Tensor, borders: Tensor, _longest: int) -> Tensor:
    """Applies flex_attention with a document mask, whose block mask is made in every call."""
    total = len(query)
    tokens = torch.arange(total, device=query.device)
    document = torch.searchsorted(borders[1:].contiguous(), tokens, right=True)

    def same(_batch: Tensor, _head: Tensor, left: Tensor, right: Tensor) -> Tensor:
        return document[left] == document[right]

    on_gpu = query.is_cuda
    make = _compiled_mask() if on_gpu else create_block_mask
    attend = _compiled_flex() if on_gpu else flex_attention
    mask = make(same, None, None, total, total, device=query.device.type)
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))
    found: Tensor = attend(q, k, v, block_mask=mask)
    return found[0].transpose(0, 1)


@functools.cache
def _compiled_mask() -> Callable[..., object]:
    # Without compilation the memory would be quadratic in the number of tokens.
    return torch.compile(create_block_mask)


@functools.cache
def _compiled_flex() -> Callable[..., Tensor]:
    return torch.compile(flex_attention, dynamic=False)


IMPLEMENTATIONS: Mapping[str, Attention] = {
    "varlen_attn": varlen,
    "SDPA": sdpa,
    "flex_attention": flex,
}


def signature() -> inspect.Signature:
    """Returns the signature of the installed `varlen_attn`."""
    return inspect.signature(varlen_attn)


def borders_of(kind: str, total: int) -> tuple[Tensor, int]:
    """Splits a sequence into segments.

    Args:
      kind: One of `SEGMENTS`.
      total: Number of tokens.

    Returns:
      int32[S + 1] borders of the segments, and the maximum length.
    """
    if kind != "mixed":
        length = int(kind)
        return torch.arange(0, total + 1, length, dtype=torch.int32), length
    rng = np.random.Generator(np.random.PCG64(0))
    most = total // _SHORTEST_MIXED + 1
    ends = np.cumsum(rng.integers(_SHORTEST_MIXED, _LONGEST_MIXED + 1, most)).clip(max=total)
    # Segments past the end are empty, and so is the first one.
    borders = np.concatenate([[0, 0], ends]).astype(np.int32)
    return torch.from_numpy(borders), _LONGEST_MIXED


def forward_and_backward(
    attention: Attention, tensors: tuple[Tensor, Tensor, Tensor], borders: Tensor, longest: int
) -> list[Tensor]:
    """Returns the output and the gradients of query, key and value, for a fixed gradient of it."""
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    found = attention(leaves[0], leaves[1], leaves[2], borders, longest)
    gradients = torch.autograd.grad(found, leaves, tensors[0].detach())
    return [found.detach(), *gradients]


def make_tensors(
    total: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns query, key and value of a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3, total, HEADS, WIDTH, generator=generator).to(device, dtype)
    return drawn[0], drawn[1], drawn[2]


def largest_error(
    attention: Attention,
    device: torch.device,
    dtype: torch.dtype = torch.bfloat16,
    total: int = 4096,
) -> float:
    """Returns the maximum error of outputs and gradients, relative to the largest value of each."""
    borders, longest = borders_of("mixed", total)
    tensors = make_tensors(total, dtype, device)
    found = forward_and_backward(attention, tensors, borders.to(device), longest)
    exact = (tensors[0].double(), tensors[1].double(), tensors[2].double())
    truth = forward_and_backward(sdpa, exact, borders.to(device), longest)
    gaps = [
        float((ours.double() - true).abs().max() / true.abs().max())
        for ours, true in zip(found, truth, strict=True)
    ]
    return max(gaps)


def milliseconds(attention: Attention, device: torch.device, kind: str, total: int) -> float:
    """Returns the median milliseconds of a forward and backward pass."""
    borders, longest = borders_of(kind, total)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    tensors, borders = make_tensors(total, dtype, device), borders.to(device)
    taken = []
    for number in range(_WARMUP + _TIMES):
        began = _now(device)
        forward_and_backward(attention, tensors, borders, longest)
        if number >= _WARMUP:
            taken.append(1000 * (_now(device) - began))
    return statistics.median(taken)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def attention_table(
    device: torch.device, total: int, implementations: Mapping[str, Attention] = IMPLEMENTATIONS
) -> Iterator[str]:
    """Yields a table of milliseconds by length of segments and implementation, or of errors."""
    yield row(f"tokens a segment, of {total:,}", *(f"{name}, ms" for name in implementations))
    yield row("---", *["---:"] * len(implementations))
    for kind in SEGMENTS:
        yield row(
            kind, *(_cell(attention, device, kind, total) for attention in implementations.values())
        )


def _cell(attention: Attention, device: torch.device, kind: str, total: int) -> str:
    try:
        return f"{milliseconds(attention, device, kind, total):.2f}"
    except RuntimeError as error:
        return f"failed: {str(error).splitlines()[0][:80]}"
