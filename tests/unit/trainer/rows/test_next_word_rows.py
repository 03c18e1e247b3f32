"""What a model is given of streams of sentences, against inputs and targets word by word."""

import pytest

from tests.oracles.sentence_streams import BEGIN, END, pairs_of, sentences, stream_of
from tests.support.sample_builds import corpus, shard_paths, stored_rows
from trainer.loader.batches import ArrowBatches


def lane(number: int) -> list[tuple[int, int]]:
    """Returns inputs and targets of a lane, of which there are two: forward and reversed."""
    batches = ArrowBatches(
        corpus("elmo"), split="eval", layout="lanes", batch_tokens=40, lanes=2, shuffle=False
    )
    found = []
    for batch in batches:
        ids, labels = (batch[name][number].tolist() for name in ("input_ids", "labels"))
        assert len(ids) == 20
        found += zip(ids, labels, strict=True)
    return found


@pytest.mark.parametrize(("number", "marker"), [(0, BEGIN), (1, END)])
def test_a_stream_is_the_inputs_and_targets_of_sentence_after_sentence(
    number: int, marker: int
) -> None:
    [path] = shard_paths(corpus("elmo"), "eval")
    stream = stream_of(stored_rows(path), number)
    whole = sentences(stream, marker)
    order = [each[::-1] for each in whole] if number else whole
    wanted = [pair for each in order for pair in pairs_of(each, backward=number == 1)]
    found = lane(number)
    assert len(wanted) > 400
    assert found[: len(wanted)] == wanted
    # What is left is of a sentence that is cut.
    assert len(found) == len(stream) - 1
    assert marker not in [given for given, _ in found[len(wanted) + 1 :]]


@pytest.mark.parametrize(("number", "never"), [(0, END), (1, BEGIN)])
def test_a_marker_is_an_input_or_a_target(number: int, never: int) -> None:
    inputs, targets = zip(*lane(number), strict=True)
    other = BEGIN + END - never
    assert never not in inputs
    assert other not in targets
    assert other in inputs
    assert never in targets
