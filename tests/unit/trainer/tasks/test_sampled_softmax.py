import math

import pytest
import torch
from torch import Tensor

from trainer.seeding import seed_torch
from trainer.tasks.sampled_softmax import LogUniformWords, sampled_term

VOCABULARY, DRAWN = 300, 40
CPU = torch.device("cpu")


def slow_draw(uniform: list[float], vocabulary: int, wanted: int) -> tuple[list[int], int]:
    """One draw after the other, until there are enough different words."""
    found: list[int] = []
    for tries, each in enumerate(uniform, 1):
        word = min(int(math.exp(each * math.log(vocabulary + 1))) - 1, vocabulary - 1)
        if word not in found:
            found.append(word)
        if len(found) == wanted:
            return found, tries
    raise AssertionError("too few draws")


def test_draws_go_on_until_there_are_enough_different_words() -> None:
    words = LogUniformWords(VOCABULARY, DRAWN)
    for number in range(20):
        seed_torch(number, "draws")
        found, tries = words.draw(CPU)
        seed_torch(number, "draws")
        uniform = torch.rand(words._draws, dtype=torch.float64).tolist()
        expected, count = slow_draw(uniform, VOCABULARY, DRAWN)
        assert found.tolist() == expected
        assert int(tries) == count


def test_chances_are_log_uniform() -> None:
    words = LogUniformWords(VOCABULARY, DRAWN)
    chances = words.chances(torch.arange(VOCABULARY))
    assert chances.sum().item() == pytest.approx(1)
    assert chances[0].item() == pytest.approx(math.log(2) / math.log(301))
    assert chances[9].item() == pytest.approx(math.log(11 / 10) / math.log(301))


def test_words_are_drawn_as_often_as_expected() -> None:
    words, rounds = LogUniformWords(VOCABULARY, DRAWN), 2000
    hits, expected = torch.zeros(VOCABULARY), torch.zeros(VOCABULARY, dtype=torch.float64)
    everything = torch.arange(VOCABULARY)
    seed_torch(1, "often")
    for _ in range(rounds):
        found, tries = words.draw(CPU)
        hits[found] += 1
        expected += words.expected(everything, tries)
    # Bernstein's bound at 1e-9 for each word, see `transforms.contract.oracle`.
    spread = 7.2 + torch.sqrt(51 + 43 * expected.clamp(max=rounds / 4))
    assert ((hits - expected).abs() < spread).all()
    biased = hits.roll(1)
    assert not ((biased - expected).abs() < spread).all()


@pytest.mark.parametrize("count", [0, 151])
def test_too_many_words_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"count must be in \[1, 150\], got"):
        LogUniformWords(VOCABULARY, count)


def made() -> tuple[Tensor, torch.nn.Linear, Tensor]:
    seed_torch(3, "sampled")
    hidden = torch.randn(12, 16)
    head = torch.nn.Linear(16, VOCABULARY)
    labels = torch.randint(VOCABULARY, (12,))
    labels[4] = -100
    return hidden, head, labels


def test_the_sum_over_the_drawn_words_is_expected_to_be_that_over_all() -> None:
    """Of exp(logit), whose estimate has no bias, unlike its logarithm."""
    hidden, head, _ = made()
    words, rounds = LogUniformWords(VOCABULARY, DRAWN), 3000
    logits = head(hidden).detach().double()
    sums = []
    for _ in range(rounds):
        found, tries = words.draw(CPU)
        weights = 1 / words.expected(found, tries)
        sums.append((logits[:, found].exp() * weights).sum(1))
    drawn = torch.stack(sums)
    error = drawn.std(0) / math.sqrt(rounds)
    exact = logits.exp().sum(1)
    assert ((drawn.mean(0) - exact).abs() < 6 * error).all()
    # Without the correction it would be another number.
    assert not ((0.9 * drawn.mean(0) - exact).abs() < 6 * error).all()


def test_the_loss_is_the_cross_entropy_among_label_and_drawn_words() -> None:
    hidden, head, labels = made()
    words = LogUniformWords(VOCABULARY, DRAWN)
    seed_torch(5, "loss")
    term = sampled_term(hidden, head, labels, words)
    seed_torch(5, "loss")
    found, tries = words.draw(CPU)
    total, correct = 0.0, 0
    for place, label in enumerate(labels.tolist()):
        if label == -100:
            continue
        others = [word for word in found.tolist() if word != label]
        at = torch.tensor([label, *others])
        logits = head(hidden[place])[at].double() - words.expected(at, tries).log()
        total += (logits.logsumexp(0) - logits[0]).item()
        correct += int(logits.argmax()) == 0
    assert term.loss.item() == pytest.approx(total, rel=1e-5)
    assert int(term.correct) == correct


def mean_gradient(words: LogUniformWords) -> Tensor:
    """The gradient of a head that is right already, over labels that follow it, by frequency."""
    seed_torch(3, "mean")
    head = torch.nn.Linear(1, VOCABULARY)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.randn(VOCABULARY) - torch.log(torch.arange(VOCABULARY) + 2.0))
    chances, rounds = head.bias.detach().double().softmax(0), 300
    for _ in range(rounds):
        labels = torch.multinomial(chances, 64, replacement=True)
        sampled_term(torch.ones(64, 1), head, labels, words).loss.backward()
    assert head.bias.grad is not None
    return torch.stack([each.sum() for each in head.bias.grad.split([3, 27, 270])]) / rounds / 64


def test_what_is_right_against_all_words_is_right_against_drawn_ones() -> None:
    words = LogUniformWords(VOCABULARY, DRAWN)
    assert float(mean_gradient(words).abs().max()) < 0.025


def test_without_the_correction_it_would_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    words = LogUniformWords(VOCABULARY, DRAWN)
    monkeypatch.setattr(words, "expected", lambda of, _: torch.ones(len(of), dtype=torch.float64))
    assert float(mean_gradient(words).abs().max()) > 0.1
