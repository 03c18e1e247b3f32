from pathlib import Path

import pytest
import torch

from schemas.errors import RunError
from tests.support.checkpoint_meta import META
from trainer.kept_checkpoints import Checkpoints


def save(run: Path, step: int, keep: int = 9) -> Path:
    def export(folder: Path) -> None:
        (folder / "config.json").write_text(str(step))

    return Checkpoints(run, keep).save({**META, "step": step}, {"w": torch.tensor(step)}, export)


def test_the_newest_is_found_by_its_number(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, 1).latest() is None
    for step in (9, 1000, 200_000_000):
        save(tmp_path, step)
    newest = Checkpoints(tmp_path, 1).latest()
    assert newest is not None
    assert newest.step == 200_000_000
    assert newest.tensors() == {"w": torch.tensor(200_000_000)}
    assert (tmp_path / "latest" / "hf" / "config.json").read_text() == "200000000"


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        save(tmp_path, step, keep=2)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000004", "step-00000005"]


def test_a_step_is_saved_once(tmp_path: Path) -> None:
    path = save(tmp_path, 3)
    written = (path / "state.pt").stat().st_mtime_ns
    assert save(tmp_path, 3) == path
    assert (path / "state.pt").stat().st_mtime_ns == written


def test_the_run_may_be_moved(tmp_path: Path) -> None:
    save(tmp_path / "run", 3)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "latest" / "hf" / "config.json").read_text() == "3"


def test_a_failure_leaves_nothing_half_written(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    checkpoints = Checkpoints(tmp_path, 2)
    with pytest.raises(RunError, match="No space left on device; there is none before it"):
        checkpoints.save({**META, "step": 1}, {}, fail)
    save(tmp_path, 1)
    with pytest.raises(RunError, match=r"No space left.*step-00000001, is complete"):
        checkpoints.save({**META, "step": 2}, {}, fail)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]


def test_halves_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    half = tmp_path / "checkpoints" / ".step-00000001.0123456789ab.tmp"
    half.mkdir(parents=True)
    (half / ".unfinished").touch()
    (half / "state.pt").write_text("half")
    Checkpoints(tmp_path, 1).clear()
    assert Checkpoints(tmp_path, 1).latest() is None
    save(tmp_path, 2)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


def test_latest_is_mended_where_a_process_was_killed_before_it(tmp_path: Path) -> None:
    save(tmp_path, 1)
    older = (tmp_path / "latest").readlink()
    save(tmp_path, 2)
    newer = (tmp_path / "latest").readlink()
    (tmp_path / "latest").unlink()
    for _ in range(2):
        Checkpoints(tmp_path, 2).fix_latest()
        assert (tmp_path / "latest").readlink() == newer
        (tmp_path / "latest").unlink()
        (tmp_path / "latest").symlink_to(older)
