import numpy as np
import pytest
import torch

from trainer.metrics.spans import span_figures
from trainer.tasks.answer_spans import LONGEST, best_parts


def kept(*windows: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Windows of context_start, begin, end, score, none, answer_begin, answer_end."""
    names = ("context_start", "begin", "end", "score", "none", "answer_begin", "answer_end")
    return {
        name: np.array(each) for name, each in zip(names, zip(*windows, strict=True), strict=True)
    }


def test_the_best_window_answers() -> None:
    found = span_figures(
        kept((0, 1, 3, 0.5, 9.0, -1, -1), (4, 6, 8, 0.7, 9.0, 6, 8), (0, 0, 4, 0.1, 9.0, 2, 6))
    )
    # The first answer is right; of the second, 0-4 and 2-6 share two tokens of four each.
    assert found == {"exact_match": 0.5, "f1": pytest.approx((1 + 0.5) / 2)}


def test_no_answer_is_given_where_some_questions_have_none() -> None:
    answered = (0, 1, 3, 0.5, 0.4, 1, 3)
    assert span_figures(kept(answered, (0, 2, 3, 0.1, 0.2, -1, -1)))["exact_match"] == 1.0
    # In one of two windows a part is better than nothing.
    split = [(0, 2, 3, 0.1, 0.2, -1, -1), (5, 6, 7, 0.3, 0.2, -1, -1)]
    assert span_figures(kept(answered, *split))["exact_match"] == 0.5


def test_every_question_has_an_answer_where_all_have() -> None:
    assert span_figures(kept((0, 1, 3, 0.5, 7.0, 1, 3)))["exact_match"] == 1.0


def test_questions_without_a_label_do_not_count() -> None:
    none = (0, 1, 3, 0.5, 7.0, -2, -2)
    assert span_figures(kept(none)) == {}
    assert span_figures(kept(none, (0, 1, 3, 0.5, 7.0, 0, 3)))["f1"] == pytest.approx(0.8)


def test_the_best_part_is_that_of_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(2, 20, 50, generator=generator)
    second = torch.randint(1, 30, (20,), generator=generator)
    ends = second + torch.randint(1, 20, (20,), generator=generator)
    begin, end, score = best_parts(logits, torch.stack([second, ends, torch.zeros(20).long()]))
    for row in range(20):
        parts = {
            (first, last + 1): float(logits[0, row, first] + logits[1, row, last])
            for first in range(int(second[row]), int(ends[row]))
            for last in range(first, min(int(ends[row]), first + LONGEST))
        }
        best = max(parts, key=parts.__getitem__)
        assert (int(begin[row]), int(end[row])) == best
        assert float(score[row]) == pytest.approx(parts[best])


def test_a_part_is_not_too_long() -> None:
    logits = torch.zeros(2, 1, 60)
    logits[0, 0, 5], logits[1, 0, 40], logits[1, 0, 34] = 9, 9, 5
    begin, end, _ = best_parts(logits, torch.tensor([[1], [60], [0]]))
    assert (int(begin), int(end)) == (5, 35)
