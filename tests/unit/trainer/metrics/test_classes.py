import math

import numpy as np
import pytest

from trainer.metrics.classes import class_figures, number_figures
from transforms.arrays.randomness import random_below, rng_for


def test_figures_of_two_classes() -> None:
    # 3 right of the second class, 1 missed, 2 taken for it, 4 right of the first.
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    predicted = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    found = class_figures(labels, predicted, 2)
    assert found["accuracy"] == pytest.approx(0.7)
    assert found["f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))
    assert found["matthews"] == pytest.approx((3 * 4 - 2 * 1) / math.sqrt(5 * 4 * 6 * 5))


def test_figures_of_three_classes_are_those_of_slow_loops() -> None:
    rng = rng_for(3, "classes")
    labels, predicted = (random_below(rng, 3, 200) for _ in range(2))
    found = class_figures(labels, predicted, 3)
    each = []
    for one in range(3):
        right = sum(a == b == one for a, b in zip(labels, predicted, strict=True))
        wrong = sum((a == one) != (b == one) for a, b in zip(labels, predicted, strict=True))
        each.append(2 * right / (2 * right + wrong))
    assert found["f1"] == pytest.approx(sum(each) / 3)
    assert found["accuracy"] == pytest.approx((labels == predicted).mean())


def test_where_all_predictions_are_equal_nothing_correlates() -> None:
    found = class_figures(np.array([0, 1, 0]), np.array([0, 0, 0]), 2)
    assert found == {"accuracy": pytest.approx(2 / 3), "f1": 0.0, "matthews": 0.0}
    numbers = number_figures(np.array([1.0, 2.0]), np.array([3.0, 3.0]))
    assert numbers == {"pearson": 0.0, "spearman": 0.0, "mse": 2.5}
    assert number_figures(np.array([1.0]), np.array([2.0]))["pearson"] == 0.0


def test_figures_of_numbers() -> None:
    labels, predicted = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 9.0, 100.0])
    found = number_figures(labels, predicted)
    assert found["spearman"] == pytest.approx(1.0)
    x, y = labels - labels.mean(), predicted - predicted.mean()
    assert found["pearson"] == pytest.approx((x @ y) / math.sqrt((x @ x) * (y @ y)))
    assert found["mse"] == pytest.approx((0 + 4 + 36 + 96**2) / 4)
