"""What chance allows of the figures on a page: the oracles of `verify`, judged at a build's end.

The manifest keeps what every shard was counted to hold, so no shard is read for it. That the counts
are those of the rows is what `verify` finds out.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from schemas.manifest import Manifest, add_up
from schemas.vocabulary import Vocabulary
from transforms.build.examine import judge, totals_of
from transforms.build.source_shares import source_oracles
from transforms.contract.oracle import Oracle
from transforms.objectives.recipe import Recipe

SELECTED = "select.tokens"
"""The figure that says how many tokens the copies select."""
Oracles = Mapping[str, Sequence[Oracle]]


def judged(manifest: Manifest, recipe: Recipe, vocabulary: Vocabulary) -> Oracles:
    """Returns the oracles of each split, as `verify` judges them if the counts are right."""
    return {
        split: [
            *judge(
                add_up(totals_of(entry.statistics, entry) for entry in entries), recipe, vocabulary
            ),
            *source_oracles(manifest.sources, split, entries),
        ]
        for split, entries in manifest.entries.items()
        if entries
    }


@dataclasses.dataclass(frozen=True)
class Proof:
    """An oracle as people read it.

    Attributes:
      name: What it is about.
      why: Why this is expected; may be empty.
      found: What was found, with its unit.
      expected: What should be.
      tolerance: How far chance may lead away from it.
      allowed: The last two as one: "80.00 ± 1.13 %", "at most 53.2".
      draws: That it rests on.
      holds: The verdict.
    """

    name: str
    why: str
    found: str
    expected: str
    tolerance: str
    allowed: str
    draws: int
    holds: bool


def proof_of(oracle: Oracle) -> Proof:
    """Returns an oracle as people read it."""
    expected, tolerance = oracle.expected, oracle.tolerance
    sign = {"both": "±", "above": "+", "below": "−"}[oracle.sides]
    exact = oracle.sides == "both" and tolerance < 1e-9
    allowed = f"{_plain(expected, oracle)} ± {_shown(tolerance, oracle)}"
    if oracle.sides != "both":
        direction = 1 if oracle.sides == "above" else -1
        bound = _shown(expected + direction * tolerance, oracle)
        allowed = f"at {'most' if direction == 1 else 'least'} {bound}"
    return Proof(
        name=oracle.name,
        why=oracle.why,
        found=_shown(oracle.observed, oracle),
        expected=_shown(expected, oracle),
        tolerance="none" if exact else f"{sign} {_shown(tolerance, oracle)}",
        allowed=f"exactly {_shown(expected, oracle)}" if exact else allowed,
        draws=oracle.trials,
        holds=oracle.holds,
    )


def _plain(value: float, oracle: Oracle) -> str:
    """Returns a number of an oracle without its unit."""
    if oracle.unit == "share":
        return f"{value * 100:.2f}"
    if oracle.unit == "chi-square" or not float(value).is_integer():
        return f"{value:,.1f}"
    return f"{value:,.0f}"


def _shown(value: float, oracle: Oracle) -> str:
    return _plain(value, oracle) + (" %" if oracle.unit == "share" else "")


@dataclasses.dataclass(frozen=True)
class SplitProof:
    """What there is to say of a split.

    Attributes:
      proofs: Of the oracles that rest on draws.
      without_draws: How many rest on none, and so hold whatever happens.
    """

    proofs: Sequence[Proof]
    without_draws: int

    @property
    def held(self) -> int:
        return sum(proof.holds for proof in self.proofs)


def split_proofs(oracles: Oracles) -> dict[str, SplitProof]:
    """Returns the proofs of each split that has any."""
    found = {}
    for split, each in oracles.items():
        drawn = [oracle for oracle in each if oracle.trials]
        if drawn:
            proofs = [proof_of(oracle) for oracle in drawn]
            found[split] = SplitProof(proofs, len(each) - len(drawn))
    return found


def selected_range(oracles: Oracles, tokens: int) -> tuple[str, str] | None:
    """Returns which shares of tokens may be selected, and why; None if nothing says so.

    Args:
      oracles: Of all splits.
      tokens: Of all copies of all rows.
    """
    found = [each for split in oracles.values() for each in split if each.figure == SELECTED]
    if not found or not tokens:
        return None
    low, high = (
        sum(each.expected + sign * each.tolerance for each in found) / tokens * 100
        for sign in (-1, 1)
    )
    ends = [f"{low:.2f}", f"{high:.2f}"]
    return f"{'–'.join(dict.fromkeys(ends))} %", found[0].why
