"""Trains vectors of words on rows, word by word: the loops of CBOW, skip-gram and fastText.

Random numbers are those of a row: its stream is made of the key of the epoch and its number, so
they depend on nothing else. First each word takes a draw that says whether it is kept. Then each
kept word takes one for its window, and then those of the negatives of what is predicted there.

All loops are given the same arguments:

    ids, offsets  int32[T], int64[R + 1]; rows of words
    first         number of the first row
    key           of the epoch
    keep          int64[V]; see `laws.keep_thresholds`
    negatives     int64[V], int32[V], bool; see `laws.negative_table`, and whether a negative that
                  is the target is drawn again, or else passed over
    bags          int32[B], int64[V + 1], float32[V]; rows of the table of inputs whose mean stands
                  for each word, and what a step along it is for the mean (1 if they all differ)
    tables        float32[N, C], float32[V, C]; vectors of inputs and of outputs, which are changed;
                  C is a multiple of 32, and columns that are too many are 0
    curve         see `laws.Curve.arrays`
    window        most words to each side, and negatives of a prediction
    rate          learning rate at the begin, its floor as a share of that, words done and words in
                  all, over all epochs
    sums          float64[2]; the loss of all predictions and their number are added
"""

from typing import Any, TypeAlias

import numpy as np

from schemas.records import Array, Int64
from trainer.vectors.alias import drawn
from trainer.vectors.prefetch import prefetch_row
from transforms.kernels.compiled import compiled, compiled_floats
from transforms.kernels.draws import STEP, below, low_bits, mixed, stream_of

Values: TypeAlias = tuple[Any, ...]


@compiled
def keep_words(words: Array, keep: Int64, state: np.uint64, kept: Int64) -> int:
    """Puts the words of a row that are kept one after the other; returns how many there are.

    Args:
      words: int32[T].
      keep: int64[V]; a word is kept if its draw is below.
      state: Of the row's stream; word t takes the draw t + 1 steps on.
      kept: int64[T], to be filled.
    """
    count = 0
    for place in range(len(words)):
        state = state + STEP
        if low_bits(mixed(state)) < keep[words[place]]:
            kept[count] = words[place]
            count += 1
    return count


@compiled
def window_of(state: np.uint64, place: int, count: int, window: int) -> tuple[int, int]:
    """Returns where the window of a kept word begins and ends: 1 to `window` words to each side."""
    half = 1 + int(below(mixed(state), window))
    return max(0, place - half), min(count, place + half + 1)


@compiled
def draw_negatives(
    state: np.uint64, target: int, negatives: Values, outputs: Array, words: Int64
) -> np.uint64:
    """Draws the negatives of a target, and has their vectors loaded; returns the state after them.

    Args:
      state: Of the row's stream.
      target: Is not drawn, if such a draw is repeated.
      negatives: See above.
      outputs: Vectors, [V, C].
      words: int64[N], to be filled.
    """
    thresholds, others, again = negatives
    for place in range(len(words)):
        state = state + STEP
        word = drawn(mixed(state), thresholds, others)
        while again and word == target:
            state = state + STEP
            word = drawn(mixed(state), thresholds, others)
        words[place] = word
        prefetch_row(outputs, word)
    return state


@compiled_floats
def _predict(
    target: int,
    drawn_words: Int64,
    hidden: Array,
    error: Array,
    outputs: Array,
    curve: Values,
    lr: np.float32,
) -> np.float32:
    """Learns a target and its negatives from a vector; adds to `error` what that lacks.

    With s = sigmoid(hidden . output), g = lr (1 - s) for the target and -lr s for a negative:
    error += g output, and then output += g hidden. Returns the loss.
    """
    values, bound, steps = curve
    loss = np.float32(0)
    for number in range(-1, len(drawn_words)):
        word = target if number < 0 else drawn_words[number]
        if number >= 0 and word == target:
            continue
        product = np.float32(0)
        for column in range(len(hidden)):
            product += hidden[column] * outputs[word, column]
        step = 0
        # What is no number takes the first column, too.
        if product >= bound:
            step = values.shape[1] - 1
        elif product > -bound:
            step = 1 + int((product + bound) * steps)
        if number < 0:
            gradient = (np.float32(1) - values[0, step]) * lr
            loss += values[1, step]
        else:
            gradient = -values[0, step] * lr
            loss += values[1, step] + product if step else np.float32(0)
        for column in range(len(hidden)):
            output = outputs[word, column]
            error[column] += gradient * output
            outputs[word, column] = output + gradient * hidden[column]
    return loss


@compiled_floats
def _take_mean(word: int, bags: Values, inputs: Array, hidden: Array) -> int:
    """Adds the inputs of a word to `hidden`; returns how many they are."""
    rows, offsets, _ = bags
    for place in range(offsets[word], offsets[word + 1]):
        row = rows[place]
        for column in range(len(hidden)):
            hidden[column] += inputs[row, column]
    return offsets[word + 1] - offsets[word]


@compiled_floats
def _add_to_bag(word: int, bags: Values, inputs: Array, error: Array) -> None:
    """Adds an error to each input of a word."""
    rows, offsets, _ = bags
    for place in range(offsets[word], offsets[word + 1]):
        row = rows[place]
        for column in range(len(error)):
            inputs[row, column] += error[column]


@compiled_floats
def _rate_at(rate: Values, done: int) -> np.float32:
    """Returns the learning rate after some words of the rows here."""
    highest, floor, before, total = rate
    return np.float32(highest * max(floor, 1 - (before + done) / total))


@compiled_floats
def train_cbow(
    ids: Array,
    offsets: Int64,
    first: int,
    key: np.uint64,
    keep: Int64,
    negatives: Values,
    bags: Values,
    tables: Values,
    curve: Values,
    window: Values,
    rate: Values,
    sums: Array,
) -> None:
    """The mean of the inputs of all words of a window, but the middle one, predicts that one."""
    inputs, outputs = tables
    kept = np.empty(len(ids), np.int64)
    words = np.empty(window[1], np.int64)
    hidden, error = np.empty(inputs.shape[1], np.float32), np.empty(inputs.shape[1], np.float32)
    for row in range(len(offsets) - 1):
        state = stream_of(key, first + row)
        count = keep_words(ids[offsets[row] : offsets[row + 1]], keep, state, kept)
        state = state + STEP * np.uint64(offsets[row + 1] - offsets[row])
        lr = _rate_at(rate, offsets[row])
        for place in range(count):
            state = state + STEP
            begin, end = window_of(state, place, count, window[0])
            if end - begin < 2:
                continue
            state = draw_negatives(state, kept[place], negatives, outputs, words)
            hidden[:] = 0
            error[:] = 0
            size = 0
            for other in range(begin, end):
                if other != place:
                    size += _take_mean(kept[other], bags, inputs, hidden)
            hidden *= np.float32(1) / np.float32(size)
            sums[0] += _predict(kept[place], words, hidden, error, outputs, curve, lr)
            sums[1] += 1
            for other in range(begin, end):
                if other != place:
                    _add_to_bag(kept[other], bags, inputs, error)


@compiled_floats
def train_pairs(
    ids: Array,
    offsets: Int64,
    first: int,
    key: np.uint64,
    keep: Int64,
    negatives: Values,
    _bags: Values,
    tables: Values,
    curve: Values,
    window: Values,
    rate: Values,
    sums: Array,
) -> None:
    """The input of each other word of a window predicts the middle one: word2vec's skip-gram.

    The negatives of a whole window are drawn first, so that memory is loaded meanwhile.
    """
    inputs, outputs = tables
    kept = np.empty(len(ids), np.int64)
    words = np.empty((2 * window[0], window[1]), np.int64)
    hidden, error = np.empty(inputs.shape[1], np.float32), np.empty(inputs.shape[1], np.float32)
    for row in range(len(offsets) - 1):
        state = stream_of(key, first + row)
        count = keep_words(ids[offsets[row] : offsets[row + 1]], keep, state, kept)
        state = state + STEP * np.uint64(offsets[row + 1] - offsets[row])
        lr = _rate_at(rate, offsets[row])
        for place in range(count):
            state = state + STEP
            begin, end = window_of(state, place, count, window[0])
            for pair in range(end - begin - 1):
                state = draw_negatives(state, kept[place], negatives, outputs, words[pair])
            pair = 0
            for other in range(begin, end):
                if other == place:
                    continue
                context = kept[other]
                hidden[:] = inputs[context]
                error[:] = 0
                sums[0] += _predict(kept[place], words[pair], hidden, error, outputs, curve, lr)
                sums[1] += 1
                inputs[context] += error
                pair += 1


@compiled_floats
def train_bags(
    ids: Array,
    offsets: Int64,
    first: int,
    key: np.uint64,
    keep: Int64,
    negatives: Values,
    bags: Values,
    tables: Values,
    curve: Values,
    window: Values,
    rate: Values,
    sums: Array,
) -> None:
    """The mean of the inputs of the middle word predicts each other one: fastText's skip-gram.

    What a prediction adds to every input of the word, it adds to their mean; so the mean goes on
    from word to word of the window, and the inputs are changed once, by the sum.
    """
    inputs, outputs = tables
    kept = np.empty(len(ids), np.int64)
    words = np.empty((2 * window[0], window[1]), np.int64)
    hidden, error = np.empty(inputs.shape[1], np.float32), np.empty(inputs.shape[1], np.float32)
    total = np.empty(inputs.shape[1], np.float32)
    for row in range(len(offsets) - 1):
        state = stream_of(key, first + row)
        count = keep_words(ids[offsets[row] : offsets[row + 1]], keep, state, kept)
        state = state + STEP * np.uint64(offsets[row + 1] - offsets[row])
        lr = _rate_at(rate, offsets[row])
        for place in range(count):
            state = state + STEP
            begin, end = window_of(state, place, count, window[0])
            pair = 0
            for other in range(begin, end):
                if other != place:
                    state = draw_negatives(state, kept[other], negatives, outputs, words[pair])
                    pair += 1
            hidden[:] = 0
            total[:] = 0
            size = _take_mean(kept[place], bags, inputs, hidden)
            hidden *= np.float32(1) / np.float32(size)
            gain = bags[2][kept[place]]
            pair = 0
            for other in range(begin, end):
                if other == place:
                    continue
                error[:] = 0
                sums[0] += _predict(kept[other], words[pair], hidden, error, outputs, curve, lr)
                sums[1] += 1
                for column in range(len(error)):
                    total[column] += error[column]
                    hidden[column] += gain * error[column]
                pair += 1
            _add_to_bag(kept[place], bags, inputs, total)
