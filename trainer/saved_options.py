"""The options of a run, saved so that --config repeats it."""

import dataclasses
from pathlib import Path

from schemas.config_file import config_text, saved_name
from schemas.errors import RunError
from trainer.distil_options import _parser as distil_parser
from trainer.options import TrainOptions
from trainer.train_arguments import _parser as train_parser
from transforms.files.atomic_files import named_by_temporary, write_atomically

NAMES = (saved_name("train"), saved_name("distil"))
"""What the file may be called: after the command."""


def save_options(run: Path, options: TrainOptions) -> None:
    """Writes RUN/train.toml or RUN/distil.toml.

    Args:
      run: The folder of the run.
      options: Of the user, with all defaults filled in.

    Raises:
      RunError: if the file cannot be written.
    """
    distils = options.exit_width is not None
    values = dataclasses.asdict(options)
    if not distils:
        values["data"] = [*options.folders]
    if options.epochs is not None:
        # They say how many steps there are.
        del values["steps"]
    parser = distil_parser() if distils else train_parser()
    path = run / NAMES[distils]
    try:
        for left in run.glob(".*.tmp"):
            # A run was killed while it wrote them.
            if named_by_temporary(left.name) in NAMES:
                left.unlink()
        write_atomically(str(path), config_text(parser, values, ["output"]).encode())
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
