"""How many steps each member of a mixture is trained for in each stage: integers alone."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

STEPS_OF_A_MEMBER = 50_000
"""The budget of a task in the paper of ERNIE 2.0."""

Stages = tuple[tuple[int, ...], ...]
"""For each stage the steps of every member; a stage is over when all of its steps are taken."""


def shares(weights: Sequence[float], steps: int) -> list[int]:
    """Returns how many of the steps each member gets: by weight, and all of them in sum.

    What is left after rounding down goes, a step each, to the members that lost most by it, the
    first of them first.
    """
    whole = sum(map(Fraction, weights), Fraction(0))
    exact = [Fraction(weight) / whole * steps for weight in weights]
    found = [int(each) for each in exact]
    lost = sorted(range(len(exact)), key=lambda member: found[member] - exact[member])
    for member in lost[: steps - sum(found)]:
        found[member] += 1
    return found


def proportional(weights: Sequence[float], steps: int) -> Stages:
    """Returns one stage, in which every member has a share by its weight."""
    return (tuple(shares(weights, steps)),)


def continual(weights: Sequence[float], steps: int) -> Stages:
    """Returns a stage for every member, in which it is new and those before it are kept up.

    With N members, each of its budget B has in the stage where it is new, the i-th from 0,
    (i + 2) B / (N + 1), and in every stage after it B / (N + 1). Four members of 50,000 steps
    make: 20,000; 10,000 and 30,000; 10,000, 10,000 and 40,000; three times 10,000 and 50,000.

    Source: Sun et al. 2020 (ERNIE 2.0), sequential multi-task learning; StephAO/olfmlm
      pretrain_bert.py:228-293.
    Differs: the budgets may differ by weight; they are steps, as in the paper, not tokens, and
      each member's are rounded so that they add up to its budget.
    """
    count = len(weights)
    table = [[0] * count for _ in range(count)]
    for member, budget in enumerate(shares(weights, steps)):
        # In units of a (N + 1)-th: those of the stages before it are the end of the last one.
        ends = [0, *range(member + 2, count + 2)]
        borders = [budget * end // (count + 1) for end in ends]
        for stage, (begin, end) in enumerate(itertools.pairwise(borders), member):
            table[stage][member] = end - begin
    return tuple(map(tuple, table))


SCHEDULES: Mapping[str, Callable[[Sequence[float], int], Stages]] = {
    "proportional": proportional,
    "continual": continual,
}
"""By the name that `train --mix` has for it."""
