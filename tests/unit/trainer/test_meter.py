import math

import pytest

from trainer.meter import derived


def test_next_tokens_have_a_perplexity_and_cost_bits() -> None:
    found = derived({"loss": 2.8, "loss_lm": 2.8, "accuracy_lm": 0.4}, {"": 0.25})
    assert found == {
        "perplexity": pytest.approx(16.44, abs=0.01),
        "bits_per_byte": pytest.approx(1.01, abs=0.001),
    }


def test_bits_are_told_where_tokens_of_a_byte_are_known() -> None:
    assert derived({"loss_lm": 0.0}, {"": None}) == {"perplexity": 1.0}
    assert derived({"loss_lm": 0.0}, {}) == {"perplexity": 1.0}


def test_permuted_tokens_have_a_perplexity_alone() -> None:
    assert derived({"loss_plm": math.log(8)}, {"": 0.25}) == {"perplexity": pytest.approx(8)}


def test_directions_have_a_perplexity_each() -> None:
    found = derived({"loss_forward": math.log(8), "loss_reversed": 0.0}, {"": 0.25})
    assert found == {"perplexity_forward": pytest.approx(8), "perplexity_reversed": 1.0}


def test_masked_tokens_have_one_in_evaluations() -> None:
    assert derived({"loss_mlm": 0.0, "loss_nsp": 1.0}, {"": None}) == {}
    assert derived({"loss_mlm": 0.0}, {"": None}, masked=True) == {"perplexity": 1.0}


def test_members_of_a_mixture_have_their_own() -> None:
    found = derived({"gpt/loss_lm": math.log(2), "bert/loss_mlm": 1.0}, {"gpt": 0.5, "bert": None})
    assert found == {"gpt/perplexity": pytest.approx(2), "gpt/bits_per_byte": pytest.approx(0.5)}


def test_a_loss_that_is_not_learned_yet_is_a_number() -> None:
    assert derived({"loss_lm": 1e9}, {})["perplexity"] < math.inf
