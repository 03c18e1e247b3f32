from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.planning.plan import idle_workers
from transforms.records.shard_text import ShardPlan


@pytest.mark.parametrize(
    ("given", "made", "workers", "told"),
    [(None, 2, 4, True), (None, 4, 4, False), (None, 1, 1, False), (2, 2, 4, False)],
)
def test_fewer_shards_than_workers_are_told_unless_they_were_asked_for(
    given: int | None, made: int, workers: int, told: bool
) -> None:
    options: Any = SimpleNamespace(shards=given, workers=workers)
    said = idle_workers(options, ShardPlan(train=made, eval=1, eval_below=1))
    assert bool(said) == told
    if told:
        assert said.startswith("--shards auto makes 2 for 4 workers, ")
        assert "--shards 8 keeps all of them busy" in said
