"""Memory that pairs of words take is told before the work."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.planning.memory import check_pairs
from pipelines.running.work import Shuffle
from schemas.errors import UsageError
from transforms.counting.names import part_count


def options(workers: int, memory_gib: float) -> Any:
    return SimpleNamespace(workers=workers, memory_gib=memory_gib)


@pytest.mark.parametrize("size", [10**6, 10**9, 4 * 10**10])
def test_more_text_takes_more_shards_and_no_more_memory(size: int) -> None:
    check_pairs(options(2, 1.3), part_count(size, 15), size, Shuffle.DISK)


def test_a_text_beyond_all_shards_needs_what_the_message_says() -> None:
    size = 10**12
    parts = part_count(size, 15)
    with pytest.raises(UsageError, match="add up pairs of words") as error:
        check_pairs(options(4, 8), parts, size, Shuffle.DISK)
    found = re.search(r"at least ([\d.]+)", str(error.value))
    assert found
    check_pairs(options(4, float(found[1])), parts, size, Shuffle.DISK)
    check_pairs(options(4, 8), parts, size, Shuffle.ELSEWHERE)
