"""The usual collator for T5's rows makes what it should, so that it is a fair comparison."""

import numpy as np

from benchmarks.span_corruption import SpanCorruption

SENTINELS, END, PAD = [199, 198, 197, 196, 195], 1, 0


def test_spans_put_back_give_the_rows() -> None:
    rows = [{"input_ids": list(range(10, 10 + size))} for size in (80, 80, 33)]
    made = SpanCorruption(SENTINELS, END, PAD)(rows)
    shapes = {name: tuple(tensor.shape) for name, tensor in made.items()}
    # 12 of 80 tokens in 4 spans: 68 + 4 + 1 and 12 + 4 + 1.
    assert shapes["input_ids"] == shapes["attention_mask"] == (3, 73)
    assert shapes["labels"] == shapes["decoder_input_ids"] == (3, 17)
    found = []
    for source, target in zip(made["input_ids"].tolist(), made["labels"].tolist(), strict=True):
        source, target = source[: source.index(END)], target[: target.index(END)]
        spans, current = {}, []
        for each in target:
            if each in SENTINELS:
                current = spans[each] = []
            else:
                current.append(each)
        found.append([x for each in source for x in spans.get(each, [each])])
    assert sorted(found, key=len) == sorted((row["input_ids"] for row in rows), key=len)


def test_inputs_of_the_decoder_are_shifted() -> None:
    made = SpanCorruption(SENTINELS, END, PAD)([{"input_ids": list(range(10, 90))}])
    labels, given = made["labels"][0].tolist(), made["decoder_input_ids"][0].tolist()
    assert given == [PAD, *labels[:-1]]
    assert labels[-1] == END
    assert np.array_equal(made["attention_mask"], np.ones((1, 73)))
