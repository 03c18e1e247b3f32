from pathlib import Path

from trainer.saved_options import save_options
from trainer.train_arguments import parse_train_options


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    ours, others = tmp_path / ".train.toml.0123456789ab.tmp", tmp_path / ".train.toml.tmp"
    for path in (ours, others):
        path.touch()
    options = parse_train_options(["--data", "d", "--model", "bert", "--output", "run"])
    save_options(tmp_path, options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".train.toml.tmp", "train.toml"]
