"""The options of predictions, saved beside them so that --config repeats them."""

import dataclasses
import os

from schemas.config_file import config_text, saved_name
from schemas.errors import UsageError
from trainer.predictions.options import PredictOptions, _parser
from transforms.files.atomic_files import delete_leftovers, write_atomically


def options_file(output: str) -> str:
    """Returns the file of the options of predictions: FILE.predict.toml."""
    return f"{output}.{saved_name('predict')}"


def check_options_file(output: str) -> None:
    """Refuses predictions whose options would replace a file that is none of such options.

    Raises:
      UsageError: if there is one.
    """
    path = options_file(output)
    if os.path.lexists(path) and not _is_ours(path):
        raise UsageError(
            f"--output {output}: its options go to {path}, which is there already and is not such "
            "a file; name another file, or delete it"
        )


def save_options(options: PredictOptions) -> None:
    """Writes the options beside the predictions; those of predictions before are replaced.

    Args:
      options: Of the user, with the defaults that were used filled in.
    """
    check_options_file(options.output)
    values = dataclasses.asdict(options)
    values["input"] = [*options.input]
    values["fields"] = ",".join(options.fields) or None
    if options.data is None:
        # It is an option of builds alone.
        del values["split"]
    path = options_file(options.output)
    delete_leftovers(path)
    write_atomically(path, config_text(_parser(), values, ["output"]).encode())


def _is_ours(path: str) -> bool:
    begin = config_text(_parser(), {}).encode()
    try:
        if os.path.islink(path) or not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(len(begin)) == begin
    except OSError:
        return False
