"""The bars of a stream's page: one for each window, or for several."""

from pipelines.report.stream_page import MOST_BARS, WindowFacts, tokens_of_windows


def facts(*tokens: int) -> list[WindowFacts]:
    return [
        WindowFacts(
            number=number,
            section=0,
            link="",
            documents=0,
            duplicates=0,
            left_out=0,
            rejected=0,
            rows={},
            tokens=count,
            bytes=0,
        )
        for number, count in enumerate(tokens)
    ]


def test_a_bar_for_each_of_few_windows() -> None:
    bars = tokens_of_windows(facts(10, 0, 40))
    assert [(bar.label, bar.count, bar.height) for bar in bars] == [
        ("0", 10, 0.25),
        ("1", 0, 0.0),
        ("2", 40, 1.0),
    ]


def test_many_windows_share_bars() -> None:
    assert MOST_BARS == 48
    assert len(tokens_of_windows(facts(*[1] * 48))) == 48
    bars = tokens_of_windows(facts(*[1] * 99))
    assert [(bar.label, bar.count) for bar in bars[:2]] == [("0–2", 3), ("3–5", 3)]
    assert len(bars) == 33
    bars = tokens_of_windows(facts(*[1] * 49))
    assert (bars[-1].label, bars[-1].count, bars[-1].height) == ("48", 1, 0.5)


def test_windows_without_rows_have_bars_of_no_height() -> None:
    assert [bar.height for bar in tokens_of_windows(facts(0, 0))] == [0.0, 0.0]
    assert tokens_of_windows([]) == []
