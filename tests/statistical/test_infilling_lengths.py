"""The lengths of spans that are infilled: right ones pass with every mean, and others do not."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from schemas.manifest import add_up
from schemas.records import Array, ShardId
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from transforms.arrays.randomness import DRAWS
from transforms.build.build_examples import BuildSettings
from transforms.build.examine import examine, judge
from transforms.checks.infilling import Infilled, drawn_name, length_oracles
from transforms.contract.oracle import ALPHA, Oracle, gather, stopped
from transforms.denoise.infilling import TextInfilling, poisson_thresholds
from transforms.objectives.settings import recipe_from

MEANS = (0.3, 0.8, 1.5, 3.0, 6.0)
Law = tuple[int, ...]


def settings_of(mean: float, **more: float) -> BuildSettings:
    """Short rows, where masks often find no room, and copies enough for the rarest length."""
    chosen = {"max_seq_length": 64, "copies": 8, "denoise.noise.3.mean_length": mean}
    return settings_for(recipe_from("bart", chosen | more))


def totals_of(settings: BuildSettings) -> dict[str, int]:
    """Returns what is counted in a build of some documents, and while it is drawn."""
    batches = build_batches(settings, ShardId("train", 0, 1), lines_of_documents(150))
    found = gather(examine(batch, settings.recipe, settings.vocabulary) for batch in batches)
    assert not found.breaches
    return add_up([found.counts, batches.counts])


def failing(totals: Mapping[str, int], settings: BuildSettings) -> list[str]:
    oracles = judge(totals, settings.recipe, settings.vocabulary)
    return [oracle.name for oracle in oracles if not oracle.holds]


def without_zeros(mean: float) -> Law:
    """Zeros are drawn again."""
    law = poisson_thresholds(mean)
    return tuple(round((entry - law[0]) / (DRAWS - law[0]) * DRAWS) for entry in law)


def one_more(mean: float) -> Law:
    """Lengths above 0 are longer by one."""
    law = poisson_thresholds(mean)
    return (law[0], law[0], *law[1:])


@pytest.mark.parametrize("mean", MEANS)
def test_lengths_of_the_law_pass_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch, mean: float
) -> None:
    settings = settings_of(mean)
    totals = totals_of(settings)
    assert failing(totals, settings) == []
    assert totals["infilling.drawn_no_room"] > 0
    changes: list[Callable[[float], Law]] = [lambda mean: poisson_thresholds(mean * 1.3), one_more]
    # With a mean of 6 there are 0.25 %, and of so few lengths none may be 0.
    changes += [without_zeros] if mean < 6 else []
    for change in changes:
        law = change(mean)
        with monkeypatch.context() as patch:
            patch.setattr(TextInfilling, "law", property(lambda _, law=law: law))
            wrong = totals_of(settings)
        assert [name for name in failing(wrong, settings) if name.startswith("lengths ")]


def test_lengths_are_judged_beside_other_noise() -> None:
    """Rows do not show then which noise took a word away."""
    more = {"denoise.noise.1.rate": 0.1, "denoise.noise.2.rate": 0.1}
    settings = settings_of(0.8, **more)
    totals = totals_of(settings)
    assert failing(totals, settings) == []
    assert failing(totals, settings_of(1.2, **more)) == [
        "lengths of 0 are drawn at the rate",
        "lengths of one word are drawn at the rate",
        "lengths of more than 2 words are drawn at the rate",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("infilling.put_in", "masks are put in for lengths of 0"),
        ("infilling.full", "copies have no room for more masks where lengths of 0 ask for all"),
        ("infilling.budget", "lengths are drawn for the budget"),
    ],
)
def test_rows_that_do_not_show_what_was_drawn_are_found(name: str, sentence: str) -> None:
    settings = settings_of(3.0)
    totals = totals_of(settings)
    [found] = failing({**totals, name: totals[name] - 1}, settings)
    assert found.startswith(sentence)


def infilled(mean: float) -> Infilled:
    noise = TextInfilling(mean_length=mean)
    return noise.infilled(settings_of(mean).vocabulary)


def zeros(empty: int, filled: int, noise: Infilled) -> Oracle:
    counts = {drawn_name("empty"): empty, drawn_name("filled"): filled, drawn_name("asked"): filled}
    return length_oracles(counts, noise)[0]


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("filled", [1, 30, 1000])
def test_right_numbers_of_zeros_fail_as_seldom_as_is_said(mean: float, filled: int) -> None:
    """The law of their number before so many lengths above 0, term by term."""
    noise = infilled(mean)
    p = noise.law[0] / DRAWS
    most = int(filled * p / (1 - p) + 60 * (filled * p) ** 0.5 / (1 - p) + 200)
    numbers = np.arange(1, most + 1)
    steps = np.log(p) + np.log(filled + numbers - 1) - np.log(numbers)
    law = np.exp(filled * np.log1p(-p) + np.append(0.0, np.cumsum(steps)))
    assert abs(law.sum() - 1) < 1e-9
    # Where the first and the last number that pass are, is found by halving.
    middle = int(law.argmax())
    low = next(n for n in range(middle + 1) if zeros(n, filled, noise).holds)
    high = next(n for n in range(most, middle, -1) if zeros(n, filled, noise).holds)
    assert law[:low].sum() + law[high + 1 :].sum() < ALPHA
    assert high < most


def test_right_numbers_of_single_words_fail_as_seldom_as_is_said() -> None:
    """Words are drawn one length after the other, until a budget of 150 is used up."""
    budget, steps = 150, np.diff(infilled(1.5).law, prepend=0)[1:]
    share = (steps / steps.sum()).astype(np.float64)
    left: Array = np.zeros((budget + 1, budget + 1))
    left[budget, 0] = 1.0
    failed = ended = 0.0
    for draws in range(1, budget + 1):
        after = np.zeros_like(left)
        for size, p in enumerate(share.tolist(), 1):
            shift = 1 if size == 1 else 0
            rest = after[: budget + 1 - size, shift:]
            rest += p * left[size:, : budget + 1 - shift]
            after[0, shift:] += p * left[1:size, : budget + 1 - shift].sum(axis=0)
        left, last = after, after[0].copy()
        left[0] = 0.0
        ended += last.sum()
        hits = range(draws + 1)
        wrong = [not stopped("", n, draws, budget, float(share[0])).holds for n in hits]
        failed += last[: draws + 1][wrong].sum()
    assert abs(ended - 1) < 1e-9
    assert 0 < failed < ALPHA
