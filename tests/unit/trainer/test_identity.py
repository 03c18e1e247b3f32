from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import UsageError
from tests.support.checkpoint_meta import META
from trainer.checkpoint import Checkpoint, read_checkpoint
from trainer.identity import check_identity
from trainer.kept_checkpoints import Checkpoints


def saved(run: Path, identity: Mapping[str, Any]) -> Checkpoint:
    def export(_folder: Path) -> None:
        pass

    meta = {**META, "identity": identity, "step": 1}
    return read_checkpoint(Checkpoints(run, 1).save(meta, {}, export))


def test_another_run_is_told_by_what_differs(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, META["identity"])
    check_identity(checkpoint, {"seed": 1, "data": "x"})
    with pytest.raises(UsageError, match=r"another run \(seed 1 there, 2 here; data 'x' there"):
        check_identity(checkpoint, {"seed": 2, "data": "y"})


def test_configurations_are_told_apart_by_the_fields_that_both_have(tmp_path: Path) -> None:
    there = {"seed": 1, "configuration": {"heads": 2, "old": 1}}
    checkpoint = saved(tmp_path, there)
    check_identity(checkpoint, {"seed": 1, "configuration": {"heads": 2, "new": 1}})
    with pytest.raises(UsageError, match=r"another run \(configuration.heads 2 there, 4 here\)"):
        check_identity(checkpoint, {"seed": 1, "configuration": {"heads": 4, "new": 1}})
    with pytest.raises(UsageError, match=r"another run \(seed 1 there, None here\)"):
        check_identity(checkpoint, {"configuration": {"heads": 2}})
