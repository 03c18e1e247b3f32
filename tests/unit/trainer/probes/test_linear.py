import math

import numpy as np
import pytest

from schemas.records import Array
from trainer.probes.linear import measured
from transforms.arrays.randomness import rng_for


def points(name: str, count: int) -> Array:
    """Returns float32[count, 4], around 0."""
    return rng_for(1, name).normal(size=(count, 4)).astype(np.float32)


def test_classes_that_a_plane_divides_are_learned() -> None:
    features, held_out = points("fit", 300), points("measure", 100)
    classes, expected = (each[:, 1] > 0.2 for each in (features, held_out))
    found = measured(features, classes * 3, held_out, expected * 3, numbers=False)
    assert found["accuracy"] >= 0.97
    assert found["macro_f1"] >= 0.97


def test_noise_is_not_learned() -> None:
    classes, expected = (rng_for(2, name).integers(2, size=500) for name in ("a", "b"))
    features, held_out = points("fit", 500), points("measure", 500)
    found = measured(features, classes, held_out, expected, numbers=False)
    # Five standard deviations of 500 fair coins.
    assert abs(found["accuracy"] - 0.5) < 5 * 0.5 / math.sqrt(500)


def test_the_scale_of_features_does_not_matter() -> None:
    features, held_out = points("fit", 100), points("measure", 50)
    classes, expected = (each[:, 0] > 0 for each in (features, held_out))
    scale = np.array([1e-3, 1, 1e3, 0], np.float32)
    one = measured(features * (scale > 0), classes, held_out * (scale > 0), expected, numbers=False)
    other = measured(features * scale, classes, held_out * scale, expected, numbers=False)
    assert one == other


def test_numbers_are_learned() -> None:
    features, held_out = points("fit", 300), points("measure", 100)
    numbers, expected = (each @ [1.0, -2.0, 0.0, 0.5] + 3 for each in (features, held_out))
    assert measured(features, numbers, held_out, expected, numbers=True)["pearson"] > 0.99
    assert measured(features, numbers, held_out, -expected, numbers=True)["pearson"] < -0.99


def test_figures_are_those_of_their_definitions() -> None:
    """Of one class alone in training, which is predicted everywhere."""
    features, held_out = points("fit", 10), points("measure", 6)
    expected = np.array([1, 1, 1, 0, 2, 2])
    found = measured(features, np.ones(10, np.int32), held_out, expected, numbers=False)
    assert found["accuracy"] == 0.5
    # F1 of class 1 is 2 * 0.5 * 1 / 1.5, that of the others 0.
    assert found["macro_f1"] == pytest.approx((2 / 3) / 3)


def test_numbers_that_are_all_the_same_correlate_with_nothing() -> None:
    features, held_out = points("fit", 10), points("measure", 6)
    same, expected = np.ones(10, np.float32), np.arange(6, dtype=np.float32)
    assert measured(features, same, held_out, expected, numbers=True) == {"pearson": 0.0}


@pytest.mark.parametrize("numbers", [True, False])
def test_a_model_that_diverged_has_no_figures(numbers: bool) -> None:
    features, labels = points("fit", 4), np.array([0, 1, 0, 1])
    broken = np.where(np.arange(4) == 2, np.nan, features).astype(np.float32)
    for one, other in ((broken, features), (features, broken)):
        found = measured(one, labels, other, labels, numbers=numbers)
        assert found
        assert all(math.isnan(value) for value in found.values())
