"""`shardmill train`: from finished shards to a model that Hugging Face loads."""

import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import RunError
from schemas.extras import pip_install
from schemas.program import one_sentence
from trainer.loader.open_corpus import read_local_manifest
from trainer.loader.stream_folder import is_stream
from trainer.models.presets import check_name
from trainer.models.saved_folder import check_fine_tuned, check_folder
from trainer.options import TrainOptions
from trainer.train_arguments import parse_train_options


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status: 128 and a signal's number if one stopped it."""
    return run(parse_train_options(argv))


def run(options: TrainOptions) -> int:
    """Trains as options say; returns the exit status, as `main` does."""
    _check_names(options)
    # Options are read, and help is shown, without the seconds that these take to import.
    try:
        import transformers

        from trainer.prepare import prepare
        from trainer.processes import joined
        from trainer.run_folder import held
        from trainer.stopping import StopSignal
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "transformers"}:
            raise
        raise RunError(
            f"training needs {error.name}, which is not installed: {pip_install('trainer')}"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    with (
        joined(options.device) as processes,
        StopSignal() as stop,
        held(Path(options.output), processes),
    ):
        return prepare(options, processes, stop).train(stop)


def _check_names(options: TrainOptions) -> None:
    """Refuses data and models that are not there, without the seconds that torch takes to import.

    They are opened, and checked, later. A stream may have no window yet.
    """
    if options.exit_width is None:
        check_name(options.model)
        check_folder(options.model)
    else:
        check_fine_tuned(options.model)
    if not options.follow:
        for folder in options.folders:
            if not is_stream(folder):
                read_local_manifest(folder)


if __name__ == "__main__":
    sys.exit(main())
