from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from trainer.seeding import seed_torch
from trainer.tasks.losses import LossTerm, cross_entropy_term
from trainer.tasks.vocabulary_loss import Penalties, vocabulary_term

SIZE, WIDTH, IDS = 23, 8, 50
CHUNKS = pytest.mark.parametrize("rows", [1, 4, 22, 23, 1000])
Loss = Callable[[Tensor, torch.nn.Linear, Tensor], LossTerm]


def made(*, bias: bool = True, dtype: torch.dtype = torch.float32) -> tuple[Any, Any, Any]:
    """Returns states that want a gradient, a head, and labels, some of them ignored."""
    seed_torch(1, "vocabulary")
    hidden = torch.randn(SIZE, WIDTH, dtype=dtype, requires_grad=True)
    head = torch.nn.Linear(WIDTH, IDS, bias=bias, dtype=dtype)
    labels = torch.randint(IDS, (SIZE,))
    labels[::5] = -100
    # What is guessed right is counted.
    labels[1:4] = head(hidden)[1:4].argmax(-1)
    return hidden, head, labels


def whole(hidden: Tensor, head: torch.nn.Linear, labels: Tensor) -> LossTerm:
    return cross_entropy_term(head(hidden), labels)


def in_chunks(rows: int) -> Loss:
    return lambda hidden, head, labels: vocabulary_term(hidden, head, labels, rows * IDS)


def results(loss: Loss, scale: float, **options: Any) -> tuple[LossTerm, list[Tensor]]:
    """Returns the term, and the gradients of a multiple of its loss."""
    hidden, head, labels = made(**options)
    term = loss(hidden, head, labels)
    return term, [*torch.autograd.grad(scale * term.loss, [hidden, *head.parameters()])]


@CHUNKS
@pytest.mark.parametrize("bias", [True, False])
def test_loss_and_gradients_are_those_of_all_logits_at_once(rows: int, bias: bool) -> None:
    expected, gradients = results(whole, 0.3, bias=bias)
    term, found = results(in_chunks(rows), 0.3, bias=bias)
    torch.testing.assert_close(term.loss, expected.loss)
    assert int(term.correct) == int(expected.correct) >= 3
    assert len(found) == (3 if bias else 2)
    torch.testing.assert_close(found, gradients)


BOTH = Penalties(label_smoothing=0.1, z_loss=0.01)


def penalised(hidden: Tensor, head: torch.nn.Linear, labels: Tensor) -> LossTerm:
    logits = head(hidden)
    smooth = cross_entropy(logits, labels, label_smoothing=0.1, reduction="sum")
    squares = torch.where(labels == -100, 0.0, logits.logsumexp(-1) ** 2)
    return LossTerm(smooth + 0.01 * squares.sum(), cross_entropy_term(logits, labels).correct)


@pytest.mark.parametrize("rows", [4, 1000])
def test_penalties_are_added_to_loss_and_gradients(rows: int) -> None:
    def ours(hidden: Tensor, head: torch.nn.Linear, labels: Tensor) -> LossTerm:
        return vocabulary_term(hidden, head, labels, rows * IDS, BOTH)

    expected, gradients = results(penalised, 0.3)
    term, found = results(ours, 0.3)
    torch.testing.assert_close(term.loss, expected.loss)
    torch.testing.assert_close(found, gradients)
    hidden, head, labels = made()
    with torch.no_grad():
        torch.testing.assert_close(ours(hidden, head, labels).loss, expected.loss)
    # The plain cross entropy is told beside it.
    [nll] = term.rates
    torch.testing.assert_close(nll.hits, whole(hidden, head, labels).loss)
    assert (nll.name, int(nll.trials)) == ("nll", 18)


def test_penalties_of_even_odds() -> None:
    """Of four ids with logits 0: each is as likely, so smoothing changes nothing."""
    hidden, head = torch.zeros(1, 2), torch.nn.Linear(2, 4, bias=False)
    label, four = torch.tensor([1]), 1.3862943611
    with torch.no_grad():
        for penalties, loss in (
            (Penalties(label_smoothing=0.4), four),
            (Penalties(z_loss=0.5), four + 0.5 * four**2),
        ):
            term = vocabulary_term(hidden, head, label, penalties=penalties)
            assert float(term.loss) == pytest.approx(loss)


@CHUNKS
def test_without_gradients_the_loss_is_the_same(rows: int) -> None:
    hidden, head, labels = made()
    with torch.no_grad():
        expected, found = whole(hidden, head, labels), in_chunks(rows)(hidden, head, labels)
    torch.testing.assert_close(found.loss, expected.loss)
    assert int(found.correct) == int(expected.correct)
    assert not found.loss.requires_grad


def test_the_loss_is_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        expected, gradients = results(whole, 1.0)
        term, found = results(in_chunks(4), 1.0)
    assert term.loss.dtype == torch.float32
    torch.testing.assert_close(term.loss, expected.loss, rtol=1e-4, atol=0)
    assert [each.dtype for each in found] == [torch.float32] * 3
    for gradient, other in zip(found, gradients, strict=True):
        assert float((gradient - other).norm()) <= 2**-6 * float(other.norm())


def test_labels_that_are_all_ignored_add_nothing() -> None:
    hidden, head, labels = made()
    term = vocabulary_term(hidden, head, torch.full_like(labels, -100), 4 * IDS)
    assert (float(term.loss.detach()), int(term.correct)) == (0.0, 0)
    for gradient in torch.autograd.grad(term.loss, [hidden, *head.parameters()]):
        assert not bool(gradient.any())


def test_a_batch_without_predictions_is_no_error() -> None:
    hidden, head, labels = made()
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            term = vocabulary_term(hidden[:0], head, labels[:0])
        assert (float(term.loss.detach()), int(term.correct)) == (0.0, 0)


class Largest(TorchDispatchMode):
    """Records the elements of the largest tensor that any operation gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outputs = func(*args, **(kwargs or {}))
        self.found = max([self.found, *(each.numel() for each in _tensors(outputs))])
        return outputs


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


@pytest.mark.parametrize(("loss", "most"), [(whole, SIZE * IDS), (in_chunks(9), 9 * IDS)])
def test_logits_of_a_whole_batch_never_exist(loss: Loss, most: int) -> None:
    hidden, head, labels = made()
    with Largest() as largest:
        loss(hidden, head, labels).loss.backward()
        with torch.no_grad():
            loss(hidden, head, labels)
    # The weights, their gradient and the states are smaller.
    assert max(IDS, SIZE) * WIDTH < 9 * IDS
    assert largest.found == most


def test_a_compiled_loss_is_the_same() -> None:
    torch.compiler.reset()
    expected, gradients = results(whole, 2.0)

    def loss(hidden: Tensor, head: torch.nn.Linear, labels: Tensor) -> LossTerm:
        return vocabulary_term(hidden, head, labels, 9 * IDS)

    compiled: Any = torch.compile(loss, backend="aot_eager", fullgraph=True, dynamic=False)
    term, found = results(compiled, 2.0)
    torch.testing.assert_close(term.loss, expected.loss)
    torch.testing.assert_close(found, gradients)
