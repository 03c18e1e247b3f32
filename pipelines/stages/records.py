"""What a step was begun with and what it made: OUTPUT/.shardmill/steps/NAME.json."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Literal

from schemas.addresses import without_secrets
from schemas.checked_json import DamagedError
from schemas.errors import RunError
from schemas.lock import WORK_FOLDER
from schemas.manifest_parts import FileEntry
from schemas.option_values import Options
from schemas.regular_files import read_regular
from schemas.sealed import open_sealed, sealed_json
from transforms.files.atomic_files import write_atomically

STEPS = "steps"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A step that was begun.

    Attributes:
      version: Of this record.
      command: That was run.
      arguments: Those without a name, as the file of the pipeline had them.
      options: Those with a name, see `public`.
      inputs: All that it reads, see `reads.files_read`.
      software: The versions that decide what comes out.
      overwrite: Whether it replaces what another one made, so that it must be told so again.
      output: The files that say what was made, by path in the output; None until it is finished.
    """

    version: Literal[1] = 1
    command: str
    arguments: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]
    inputs: Mapping[str, FileEntry]
    software: Mapping[str, str]
    overwrite: bool = False
    output: Mapping[str, FileEntry] | None = None


def public(options: Options) -> dict[str, tuple[str, ...]]:
    """Returns options as they are stored: without passwords in the addresses that they name."""
    return {name: tuple(map(without_secrets, values)) for name, values in options.items()}


def read_record(output: str, name: str) -> StepRecord | None:
    """Returns the record of a step, None if it was never begun.

    Args:
      output: The folder of all outputs.
      name: Of the step.

    Raises:
      DamagedError: if it is not as it was written.
    """
    path = _path(output, name)
    try:
        return open_sealed(read_regular(path), StepRecord, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        raise DamagedError(
            f"{error}; to do this step again delete that file, and move away {output}/{name}"
        ) from error


def write_record(output: str, name: str, record: StepRecord) -> None:
    """Writes the record of a step, whole or not at all.

    Raises:
      RunError: if it cannot be written.
    """
    path = _path(output, name)
    try:
        write_atomically(path, sealed_json(record))
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from error


def _path(output: str, name: str) -> str:
    return os.path.join(output, WORK_FOLDER, STEPS, f"{name}.json")
