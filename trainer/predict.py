"""`shardmill predict`: what a fine-tuned model says of records, or of the rows of a build."""

import dataclasses
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import RunError, UsageError, about
from schemas.extras import pip_install
from schemas.lock import hold_file
from schemas.program import one_sentence
from trainer.loader.open_corpus import read_local_manifest
from trainer.models.saved_folder import check_fine_tuned
from trainer.predictions.options import PredictOptions, parse_predict_options
from trainer.predictions.saved_options import check_options_file, save_options
from transforms.files.atomic_files import atomic_file, delete_leftovers
from transforms.files.storage import is_local
from transforms.read.input_files import match_inputs


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = parse_predict_options(argv)
    _check_output(options.output)
    _check_names(options)
    # Options are read, and help is shown, without the seconds that these take to import.
    try:
        import transformers

        from trainer.predictions.run import Predictor, longest_row, open_chunks, write_predictions
        from trainer.predictions.saved_model import SavedModel
        from trainer.processes import choose_device
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "transformers"}:
            raise
        raise RunError(
            f"predicting needs {error.name}, which is not installed: {pip_install('trainer')}"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    device = choose_device(options.device, 0)
    model = SavedModel(options.model, speed=options.speed, device=device)
    longest = None if options.data is not None else longest_row(options, model)
    chunks = open_chunks(options, model, longest)
    predictor = Predictor(model, options, device)
    used = dataclasses.replace(
        options, device=device.type, batch_tokens=predictor.batch_tokens, max_seq_length=longest
    )
    with hold_file(Path(options.output), "predict"):
        _check_output(options.output)
        delete_leftovers(options.output)
        # Predictions have their name when their options lie beside them.
        save = functools.partial(save_options, used)
        with atomic_file(options.output, before=save) as file:
            summary = write_predictions(file, chunks, predictor, model, options.field)
    first, *rest = summary.lines()
    sys.stdout.write("\n".join([f"{options.output}: {first}", *rest, ""]))
    return 0


def _check_names(options: PredictOptions) -> None:
    """Refuses a model, data and files that are not there, before torch is imported."""
    check_fine_tuned(options.model)
    if options.data is not None:
        read_local_manifest(options.data)
    elif all(map(is_local, options.input)):
        with about("--input"):
            match_inputs(options.input, records=True)


def _check_output(path: str) -> None:
    """Refuses a file that is there, before anything is computed."""
    if not is_local(path):
        raise UsageError(f"--output {path} is not on a local disk; write there, and copy the file")
    if not os.path.basename(path) or os.path.isdir(path):
        raise UsageError(f"--output {path} is a folder; name the file to write")
    if os.path.lexists(path):
        raise UsageError(f"--output {path} is there already; name another file, or delete it")
    check_options_file(path)


if __name__ == "__main__":
    sys.exit(main())
