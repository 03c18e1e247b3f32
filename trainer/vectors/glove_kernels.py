"""Trains vectors of words on counts of pairs: the loop of GloVe.

Source: Pennington et al. 2014, "GloVe", equation 8; stanfordnlp/GloVe src/glove.c:155-239.
Differs: the learning rate also scales the steps of biases, which the original's code leaves out
  there, and its paper does not.
"""

from typing import Any, TypeAlias

import numpy as np

from schemas.records import Array
from transforms.kernels.compiled import compiled_floats

Arrays: TypeAlias = tuple[Any, Any]


@compiled_floats
def train_counts(
    words: Array,
    contexts: Array,
    values: Array,
    vectors: Arrays,
    vector_squares: Arrays,
    biases: Arrays,
    bias_squares: Arrays,
    law: tuple[float, float],
    rate: np.float32,
    clip: np.float32,
    sums: Array,
) -> None:
    """Takes a step of AdaGrad for each pair of words.

    With the difference d = w.c + b + b' - log x of a pair that counts x, and its weight
    f = min((x / x_max)^alpha, 1), the loss is f d^2 / 2. A step g = rate * f d * (the other vector)
    is divided by the root of the sum of squares of all steps before it, which begins as 1.

    Args:
      words: uint32[N].
      contexts: uint32[N].
      values: float64[N]; how often each pair counts, above 0.
      vectors: float32[V, C] of words and float32[V, C] of contexts; are changed.
      vector_squares: Sums of squares, of the same shapes; are changed.
      biases: float32[V] twice; are changed.
      bias_squares: float32[V] twice; are changed.
      law: x_max and alpha.
      rate: Learning rate.
      clip: Gradients are cut to at most this on both sides of 0.
      sums: float64[2]; the loss of all pairs and their number are added.
    """
    one, other = vectors
    one_squares, other_squares = vector_squares
    one_bias, other_bias = biases
    one_bias_squares, other_bias_squares = bias_squares
    x_max, alpha = law
    loss = 0.0
    for k in range(len(words)):
        a, b, value = words[k], contexts[k], values[k]
        v, w, vs, ws = one[a], other[b], one_squares[a], other_squares[b]
        product = np.float32(0.0)
        for d in range(len(v)):
            product += v[d] * w[d]
        apart = product + one_bias[a] + other_bias[b] - np.float32(np.log(value))
        weight = np.float32(1.0 if value >= x_max else (value / x_max) ** alpha)
        pull = weight * apart
        loss += 0.5 * pull * apart
        for d in range(len(v)):
            left, right = pull * w[d], pull * v[d]
            left = clip if left > clip else (-clip if left < -clip else left)
            right = clip if right > clip else (-clip if right < -clip else right)
            left, right = left * rate, right * rate
            v[d] -= left / np.sqrt(vs[d])
            w[d] -= right / np.sqrt(ws[d])
            vs[d] += left * left
            ws[d] += right * right
        step = pull * rate
        one_bias[a] -= step / np.sqrt(one_bias_squares[a])
        other_bias[b] -= step / np.sqrt(other_bias_squares[b])
        one_bias_squares[a] += step * step
        other_bias_squares[b] += step * step
    sums[0] += loss
    sums[1] += len(words)
