"""Linear models of features, fitted on some rows and measured on others."""

import math
import warnings
from collections.abc import Mapping

import numpy as np

from schemas.records import Array

_STEPS = 500
"""Steps of the solver at most."""


def measured(
    features: Array, labels: Array, held_out: Array, expected: Array, *, numbers: bool
) -> Mapping[str, float]:
    """Returns how well a linear model predicts the labels of rows that it has not seen.

    Of classes that are accuracy and the mean F1 of all classes, of numbers the correlation of
    Pearson. Features are standardised by those that the model is fitted on. Where features are not
    finite, as of a model that diverged, the figures are NaN.

    Args:
      features: float[N, d]; to fit.
      labels: [N].
      held_out: float[M, d]; to measure.
      expected: [M].
      numbers: Whether labels are numbers, and not classes.
    """
    names = ("pearson",) if numbers else ("accuracy", "macro_f1")
    if not (np.isfinite(features).all() and np.isfinite(held_out).all()):
        return dict.fromkeys(names, math.nan)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    # What is the same in all rows says nothing.
    scale = np.where(deviation > 0, deviation, 1)
    fitted, seen = (features - mean) / scale, (held_out - mean) / scale
    if numbers:
        return {"pearson": _pearson(_regressed(fitted, labels, seen), expected)}
    predicted = _classified(fitted, labels, seen)
    return {
        "accuracy": float((predicted == expected).mean()),
        "macro_f1": _macro_f1(predicted, expected),
    }


def _classified(features: Array, labels: Array, seen: Array) -> Array:
    """Returns the classes that a logistic regression predicts."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if (labels == labels[0]).all():
        return np.full(len(seen), labels[0])
    with warnings.catch_warnings():
        # Where it stops it is a linear model as well.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=_STEPS).fit(features, labels)
    found: Array = model.predict(seen)
    return found


def _regressed(features: Array, labels: Array, seen: Array) -> Array:
    """Returns the numbers that a ridge regression predicts."""
    from sklearn.linear_model import Ridge

    found: Array = Ridge(solver="cholesky").fit(features, labels.astype(np.float64)).predict(seen)
    return found


def _macro_f1(predicted: Array, expected: Array) -> float:
    """Returns the mean F1 of the classes that are predicted or expected."""
    from sklearn.metrics import f1_score

    return float(f1_score(expected, predicted, average="macro", zero_division=0))


def _pearson(predicted: Array, expected: Array) -> float:
    """Returns the correlation, 0 where one of both is the same everywhere."""
    one = predicted.astype(np.float64) - predicted.mean()
    other = expected.astype(np.float64) - expected.mean(dtype=np.float64)
    length = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / length if length > 0 else 0.0
