"""The folder of a run: what it holds, and what is refused in it.

A folder is that of a run if RUN/.shardmill/run.json says so, which is written before anything else.
Any other folder must be empty. Something else with the name of a file of ours is refused, and any
other file that a user puts into RUN stays as it is.
"""

import contextlib
import dataclasses
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from schemas.checked_json import DamagedError, read_json_file
from schemas.errors import RunError, UsageError
from schemas.lock import LOCK, WORK_FOLDER, hold, holder
from schemas.manifest import MANIFEST
from schemas.manifest_checks import REPORT
from schemas.pages.template import PAGE_MARK
from trainer.checkpoint_files import RunId, json_text
from trainer.curves.records import LOG, SAMPLES
from trainer.kept_checkpoints import BEST, FOLDER, LATEST, is_link
from trainer.log import TENSORBOARD
from trainer.processes import Processes
from trainer.saved_options import NAMES as SAVED
from transforms.files.atomic_files import sync_folder

RECORD = "run.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Content of RUN/.shardmill/run.json.

    Attributes:
      command: What wrote it.
      run: Id of the run; its checkpoints have it too.
    """

    command: Literal["train"]
    run: RunId


@contextlib.contextmanager
def held(run: Path, processes: Processes) -> Iterator[None]:
    """Holds the folder of a run, for all processes, so that no other command writes to it.

    Raises:
      UsageError: if somebody else holds it, in all processes.
    """
    with contextlib.ExitStack() as stack:

        def enter() -> None:
            _check_folder(run)
            stack.enter_context(hold(run, "train"))

        processes.first_does(enter)
        yield


def check_place(run: Path, data: Path, *, growing: bool = False, option: str = "--data") -> None:
    """Refuses a run in the folder that it trains on, and data that are being written.

    A stream is `growing`: it is trained on while it is written. The data are those of an `option`.

    Raises:
      UsageError: saying who writes the data since when, or to name another folder.
    """
    # `Path.resolve` raises on a loop of links.
    place, source = Path(os.path.realpath(run)), Path(os.path.realpath(data))
    if source in (place, *place.parents):
        raise UsageError(
            f"--output {run} is in the folder of {option} {data}, where only the command "
            "that made it writes; name another folder"
        )
    if not growing and (writer := holder(data)) is not None:
        raise UsageError(
            f"{option} {data} is being written by {writer}; wait until it has ended, and run this "
            "command again"
        )


def find_run(run: Path) -> str | None:
    """Returns the id of the run that a folder holds, None if the folder is empty or not there.

    Raises:
      DamagedError: if the record of the run is damaged.
      UsageError: if the folder holds anything else, or something stands in the way of our files.
    """
    if not os.path.lexists(run):
        return None
    _check_folder(run)
    record = run / WORK_FOLDER / RECORD
    others = sorted(path.name for path in run.iterdir() if path.name != WORK_FOLDER)
    others += [
        f"{WORK_FOLDER}/{path.name}"
        for path in (run / WORK_FOLDER).glob("*")
        if path.name not in {LOCK, RECORD}
    ]
    try:
        found = read_json_file(record, RunRecord).run
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise UsageError(f"{record} cannot be read: {error.strerror}") from error
    except DamagedError as error:
        if not others:
            # The run ended before it had written anything.
            return None
        raise DamagedError(
            f"{error}; resume from one of its checkpoints with --resume, into another --output"
        ) from error
    if found is None and others:
        what = "the output of `shardmill build`" if MANIFEST in others else "no run"
        raise UsageError(
            f"--output {run} is not empty and holds {what} (there is {others[0]}); name a new "
            "folder"
        )
    _check_names(run)
    return found


def begin_run(run: Path) -> str:
    """Makes a folder that of a new run; returns its id."""
    number = secrets.token_hex(8)
    folder = run / WORK_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / RECORD).open("wb") as file:
            file.write(json_text({"command": "train", "run": number}))
            file.flush()
            os.fsync(file.fileno())
        for each in (folder, run):
            sync_folder(str(each))
    except OSError as error:
        raise RunError(f"cannot write {folder / RECORD}: {error}") from error
    return number


def _check_folder(run: Path) -> None:
    if os.path.lexists(run) and not run.is_dir():
        raise UsageError(f"--output {run} is not a folder; name a new one")


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _check_names(run: Path) -> None:
    """Refuses what has the name of a file or folder of ours, and is something else."""
    for name, what, is_ours in (
        (FOLDER, "a folder", Path.is_dir),
        (TENSORBOARD, "a folder", Path.is_dir),
        (LOG, "a file", _is_file),
        *((name, "a file", _is_file) for name in SAVED),
        (SAMPLES, "a file", _is_file),
        (REPORT, "a page", lambda path: _is_file(path) and PAGE_MARK in path.read_bytes()),
        (LATEST, f"a link into {FOLDER}", is_link),
        (BEST, f"a link into {FOLDER}", is_link),
    ):
        path = run / name
        if os.path.lexists(path) and not is_ours(path):
            raise UsageError(
                f"{path} is not {what} as a run makes it; move it away, or name another --output"
            )
