"""Which rows a slot of a stream has, beside a slow oracle."""

import collections
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.sealed import sealed_json
from schemas.stream import STREAM_VERSION, StreamIndex
from tests.support.made_streams import EMPTY, add_window, index_of, made_stream
from trainer.loader.batches import ArrowBatches
from trainer.loader.stream_folder import StreamFolder
from trainer.loader.stream_slots import Slots, windows_corpus
from transforms.arrays.randomness import rng_for

SEED = 5


def opened(folder: Path) -> StreamFolder:
    stream = StreamFolder(folder)
    stream.learn(stream.committed())
    return stream


def dealt_slowly(rows: list[int], mix: int) -> dict[int, set[tuple[int, int]]]:
    """Returns the (window, row) of each slot, dealt one by one like cards."""
    slots = collections.defaultdict(set)
    for window, count in enumerate(rows):
        bits = max(count - 1, 1).bit_length()
        raw = rng_for(SEED, "stream-deal", window).bit_generator.random_raw(count)
        keys = [(int(key) >> bits, row) for row, key in enumerate(raw)]
        for card, (_, row) in enumerate(sorted(keys)):
            slots[window + card % mix].add((window, row))
    return slots


@pytest.mark.parametrize("mix", [1, 2, 3, 200])
def test_rows_are_dealt_as_by_hand(mix: int, tmp_path: Path) -> None:
    stream = opened(made_stream(tmp_path / "s", (0, EMPTY, 1, 2)))
    slots = Slots(SEED, mix)
    counts = [stream.rows(window, "train") for window in range(4)]
    assert counts[1] == 0
    assert min(counts[0], *counts[2:]) > 50
    expected = dealt_slowly(counts, mix)
    for slot in range(4):
        windows = slots.windows(stream, slot)
        assert windows == sorted({window for window, _ in expected[slot]})
        assert slots.count(stream, slot) == len(expected[slot])
        if not windows:
            continue
        before, places = 0, {}
        for window in windows:
            places |= {before + row: (window, row) for row in range(counts[window])}
            before += counts[window]
        found = [places[row] for row in slots.rows(stream, slot).tolist()]
        assert len(found) == len(set(found))
        assert set(found) == expected[slot]


def test_every_row_comes_once_and_what_comes_later_changes_nothing(tmp_path: Path) -> None:
    folder = made_stream(tmp_path / "s", (0, 1))
    before = opened(folder)
    slots = Slots(SEED, 2)
    early = [slots.rows(before, slot).tolist() for slot in range(2)]
    add_window(folder, 2)
    after = opened(folder)
    assert [slots.rows(after, slot).tolist() for slot in range(2)] == early
    # Half of window 0 is in slot 0, and the rest in slot 1.
    rows = before.rows(0, "train")
    own, rest = set(early[0]), {row for row in early[1] if row < rows}
    assert not own & rest
    assert own | rest == set(range(rows))


def test_a_loader_takes_the_rows_of_a_slot_and_no_others(tmp_path: Path) -> None:
    stream = opened(made_stream(tmp_path / "s", (0, 1)))
    slots = Slots(SEED, 2)
    corpus = windows_corpus(stream, slots.windows(stream, 1), "train")
    rows = slots.rows(stream, 1)
    for shuffle in (True, False):
        batches = ArrowBatches(corpus, batch_tokens=512, rows=rows, seed=3, shuffle=shuffle)
        taken = np.concatenate([batch["row_ids"].numpy() for batch in batches])
        taken = taken[taken >= 0]
        assert sorted(taken.tolist()) == sorted(rows.tolist())


def test_windows_are_learned_as_they_are_committed(tmp_path: Path) -> None:
    folder = made_stream(tmp_path / "s", (0,))
    stream = StreamFolder(folder)
    first = stream.committed()
    assert [each.window for each in first] == [0]
    stream.learn(first)
    stream.learn(first)
    assert stream.windows == first
    assert stream.committed() == []
    before = stream.fingerprint(1)
    add_window(folder, EMPTY)
    stream.learn(stream.committed())
    assert [each.window for each in stream.windows] == [0, 1]
    assert stream.fingerprint(1) == before != stream.fingerprint(2)
    assert (stream.rows(0, "train") > 0, stream.rows(1, "train")) == (True, 0)


def test_windows_of_another_recipe_are_refused(tmp_path: Path) -> None:
    folder = made_stream(tmp_path / "s", (0,))
    add_window(folder, 1, "roberta")
    stream = opened(folder)
    with pytest.raises(UsageError, match=r"00000001 is built with another recipe than .*00000000"):
        stream.corpus(1)


def test_an_exchanged_window_and_an_index_that_forgets_are_damage(tmp_path: Path) -> None:
    folder = made_stream(tmp_path / "s", (0, 1))
    stream = opened(folder)
    (folder / "windows" / "00000001").rename(folder / "windows" / "other")
    (folder / "windows" / "00000000").rename(folder / "windows" / "00000001")
    (folder / "windows" / "other").rename(folder / "windows" / "00000000")
    with pytest.raises(DamagedError, match="is another build than"):
        stream.corpus(1)
    fewer = StreamIndex(format_version=STREAM_VERSION, windows=index_of(folder).windows[:1])
    (folder / "index.json").write_bytes(sealed_json(fewer))
    with pytest.raises(DamagedError, match="committed windows were changed"):
        stream.committed()


def test_slots_of_like_rows_have_the_same_shapes(tmp_path: Path) -> None:
    stream = opened(made_stream(tmp_path / "s", (0, 1, 2, 3)))
    slots, steady, close = Slots(SEED, 1), set(), set()
    for slot in range(4):
        corpus = windows_corpus(stream, [slot], "train")
        options: dict[str, Any] = {"batch_tokens": 8192, "rows": slots.rows(stream, slot)}
        steady.add(repr(ArrowBatches(corpus, **options, steady=True).layout))
        close.add(repr(ArrowBatches(corpus, **options).layout))
    assert len(steady) == 1
    assert len(close) == 4
