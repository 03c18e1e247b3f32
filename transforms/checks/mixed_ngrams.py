"""Checks of single tokens and n-grams that are drawn from a law of lengths."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.polynomial import Polynomial

from transforms.arrays.ragged import row_numbers
from transforms.checks.selected_spans import examine_spans, span_oracles
from transforms.contract.corrupting import Budget, Units
from transforms.contract.oracle import Findings, Oracle, between
from transforms.contract.stored import StoredBatch
from transforms.contract.stored_rows import take_stored_rows

_SAMPLE_TOKENS = 1 << 13
"""About so many tokens of every batch are in the sample."""
_LARGE_BUDGET = 16
"""Copies that select fewer tokens are left out: their last n-gram is cut too often."""
_HALVINGS = 60


def examine_mixed(
    batch: StoredBatch, units: Units, budget: Budget, max_seq_length: int, longest: int
) -> Findings:
    """Checks how many tokens are selected, and samples which and how many side by side."""
    return examine_spans(batch, units, budget, max_seq_length, longest) + _count_starts(batch)


def mixed_oracles(
    totals: Mapping[str, int], copies: int, law: Sequence[float], why: str
) -> list[Oracle]:
    """Judges how many tokens are selected, where, and how many at once.

    Args:
      totals: What was counted.
      copies: Of each row.
      law: Probabilities of a selection of 1, 2, ... tokens.
      why: The budget's reason.
    """
    return [*span_oracles(totals, copies, len(law), why), _lengths_follow(totals, law)]


# A row ^ a b c d ^ e f ^ whose copy selects b c f: of the unselected tokens with text on their
# right, a and e are followed by a selected one, and d has a separator on its right: 2 of 2.
def _count_starts(batch: StoredBatch) -> Findings:
    """Counts unselected tokens before other text, and those of them before a selected one."""
    some = take_stored_rows(
        batch, np.arange(0, len(batch), max(len(batch.ids) // _SAMPLE_TOKENS, 1))
    )
    text = ~some.special
    # The last token of a row is followed by the next row's first one.
    before = np.zeros(len(text), np.bool_)
    before[:-1] = text[:-1] & text[1:]
    before[some.offsets[1:] - 1] = False
    pairs = np.add.reduceat(before, some.offsets[:-1], dtype=np.int64)
    large = (some.selected_counts >= _LARGE_BUDGET).ravel()
    lists = some.selected.lengths
    chosen, number = some.flat, row_numbers(lists)
    first = np.ones(len(chosen), np.bool_)
    first[1:] = (np.diff(chosen) != 1) | (np.diff(number) != 0)
    inside = large[number]
    starts = np.count_nonzero(first & inside & (chosen > 0) & before[chosen - 1])
    trials = np.repeat(pairs, some.copies)[large].sum() - np.count_nonzero(before[chosen] & inside)
    tokens = np.repeat(some.lengths - some.special_counts, some.copies)[large]
    return Findings(
        {
            "select.starts": int(starts),
            "select.starts_trials": int(trials),
            "select.starts_selected": int(lists[large].sum()),
            "select.starts_others": int(tokens.sum() - len(tokens)),
            "select.starts_lists": len(tokens),
        }
    )


def _lengths_follow(totals: Mapping[str, int], law: Sequence[float]) -> Oracle:
    """Judges the law of lengths by how often what is selected begins behind an unselected token.

    The budget cuts the last n-gram, by (E[L^2] / E[L] - 1) / 2 of its tokens on average, and so
    makes the rate greater by at most twice this share of the budget.
    """
    selected, lists = (totals.get(f"select.starts_{of}", 0) for of in ("selected", "lists"))
    share = selected / max(totals.get("select.starts_others", 0), 1)
    low = attempts(share, law)
    lengths = range(1, len(law) + 1)
    mean = sum(p * n for n, p in zip(lengths, law, strict=True))
    squares = sum(p * n**2 for n, p in zip(lengths, law, strict=True))
    cut = (squares / mean - 1) * lists / max(selected, 1)
    name = "single tokens and n-grams are selected as their law says"
    hits, trials = (totals.get(f"select.{of}", 0) for of in ("starts", "starts_trials"))
    return between(name, hits, trials, low, min(low * (1 + cut), 1.0)).explained(
        "the chance that a selection begins behind an unselected token, a little greater since "
        "the budget cuts the last n-gram of a row"
    )


def attempts(share: float, law: Sequence[float]) -> float:
    """Returns how likely a selected token stands behind an unselected one.

    Tokens are tried in random order, and one that is not selected yet selects itself and the next
    ones, by the law. Let x be the share of tokens that were tried. Then a token is unselected with
    probability (1 - x) v(x), where v is the probability that no token before it reached it. Of its
    right neighbour nothing is known but that it was tried or not, since what reaches over a token
    reaches that token: so it is selected with probability x. Of the m-th token of a segment,
    v_m' = - sum(A_i v_(m - i) v_i, i < m), where A_i is the probability of more than i tokens: a
    token i places before reaches it if it is reached by none itself, and none between was tried
    before and reaches the m-th. So far from the beginning, v = exp(-H), H' = sum(A_i v_i).

    Example: of single tokens alone, x is the share of selected ones itself.

    Args:
      share: Of the tokens that are selected.
      law: Probabilities of a selection of 1, 2, ... tokens.
    """
    more = [sum(law[n:]) for n in range(1, len(law))]
    reached = [Polynomial([1.0])]
    for place in range(1, len(law)):
        slope = sum(
            (more[i] * reached[place - 1 - i] * reached[i] for i in range(place)),
            start=Polynomial([0.0]),
        )
        reached.append(1 - slope.integ())
    exponent = sum(
        (rate * each for rate, each in zip(more, reached, strict=False)), start=Polynomial([0.0])
    ).integ()
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        unselected = (1 - middle) * math.exp(-float(exponent(middle)))
        low, high = (middle, high) if unselected > 1 - share else (low, middle)
    return low
