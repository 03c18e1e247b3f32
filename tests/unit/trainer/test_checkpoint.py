from pathlib import Path

import pytest

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from trainer.checkpoint import read_checkpoint


def test_what_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="is no checkpoint of `shardmill train`: it has no"):
        read_checkpoint(tmp_path)
    with pytest.raises(UsageError, match="is no checkpoint of `shardmill train`: there is nothing"):
        read_checkpoint(tmp_path / "nowhere")
