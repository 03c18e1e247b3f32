"""Figures of predicted classes and numbers.

scikit-learn and SciPy take a second to import, so they are imported where they are needed.
"""

import math
import warnings

import numpy as np

from schemas.records import Array


def class_figures(labels: Array, predicted: Array, classes: int) -> dict[str, float]:
    """Returns how well classes are predicted.

    Args:
      labels: int[N]; N >= 1.
      predicted: int[N].
      classes: How many there are.

    Returns:
      "accuracy"; "f1", of two classes that of the second one, of more the mean over those that
      occur; "matthews", the correlation coefficient, 0 if all labels or all predictions are equal.
    """
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    average = "binary" if classes == 2 else "macro"
    with warnings.catch_warnings():
        # That a split has a single class is no fault of the user's.
        warnings.simplefilter("ignore", UserWarning)
        return {
            "accuracy": float(accuracy_score(labels, predicted)),
            "f1": float(f1_score(labels, predicted, average=average, zero_division=0.0)),
            "matthews": float(matthews_corrcoef(labels, predicted)),
        }


def number_figures(labels: Array, predicted: Array) -> dict[str, float]:
    """Returns how well numbers are predicted.

    Args:
      labels: float[N]; N >= 1.
      predicted: float[N].

    Returns:
      "pearson" and "spearman", correlations, 0 where one side does not vary; "mse", the mean
      squared error.
    """
    from scipy.stats import pearsonr, spearmanr

    labels, predicted = labels.astype(np.float64), predicted.astype(np.float64)
    vary = len(labels) > 1 and np.ptp(labels) > 0 and np.ptp(predicted) > 0
    found = {"pearson": 0.0, "spearman": 0.0}
    if vary:
        found = {
            "pearson": float(pearsonr(labels, predicted).statistic),
            "spearman": float(spearmanr(labels, predicted).statistic),
        }
    # Numbers that are nearly equal may have no correlation either.
    found = {name: 0.0 if math.isnan(value) else value for name, value in found.items()}
    return {**found, "mse": float(np.mean((labels - predicted) ** 2))}
