"""Relations of pairs, judged over all cases: why next-sentence pairs are not half and half."""

import pytest

from transforms.checks.pairs import LEFT_OUT, drawn_oracles
from transforms.contract.oracle import Oracle

CASES = {"several_sentences": {"next": 0.5, "random": 0.5}, "one_sentence": {"random": 1.0}}
RELATIONS = ("next", "random")


def judged(following: int, others: int, lone: int, lone_following: int = 0) -> dict[str, Oracle]:
    """Returns the oracles over all cases by figure, of pairs of several sentences and of one."""
    totals = {
        "drawn.several_sentences.next": following,
        "drawn.several_sentences.random": others,
        "drawn.one_sentence.random": lone - lone_following,
        "drawn.one_sentence.next": lone_following,
        "pair.next": following + lone_following,
        "pair.random": others + lone - lone_following,
    }
    found = drawn_oracles(totals, CASES, RELATIONS)
    return {each.figure: each for each in found if each.figure}


def test_pairs_of_one_sentence_shift_what_is_expected() -> None:
    found = judged(4000, 4000, 2000)
    assert [*found] == ["pair.next", "pair.random"]
    following, random = found.values()
    assert (following.observed, following.expected, following.trials) == (0.4, 0.4, 10000)
    assert random.expected == pytest.approx(0.6)
    assert following.holds
    assert random.holds
    assert following.why == (
        "50 % of the 8,000 pairs of several sentences, 0 % of the 2,000 pairs of one sentence"
    )
    # Only the 8,000 draws have a variance, of a quarter each.
    assert following.tolerance == pytest.approx(0.0303, abs=1e-3)


@pytest.mark.parametrize("counts", [(4400, 3600, 2000), (4000, 4000, 2000, 500)])
def test_a_biased_sample_is_rejected(counts: tuple[int, ...]) -> None:
    assert not any(oracle.holds for oracle in judged(*counts).values())


def test_without_chance_a_share_is_exact() -> None:
    assert all(oracle.holds for oracle in judged(0, 0, 70).values())
    assert not judged(0, 0, 70, 1)["pair.next"].holds


def test_many_relations_or_one_case_are_judged_by_case_alone() -> None:
    many = dict.fromkeys("abcde", 0.2)
    for cases, relations in (
        ({"x": many, "y": many}, (*many,)),
        ({"x": CASES["several_sentences"]}, RELATIONS),
    ):
        found = drawn_oracles({LEFT_OUT: 0}, cases, relations)
        assert {each.figure for each in found} == {""}
