"""What lies in the folder of a checkpoint, and what its checkpoint.json says of it.

checkpoint.json lists every other file with its sha256, and its own bytes are sealed by the last
line, so a flipped bit, a file that was cut and one that is gone are noticed. The list says as well
what may be deleted: a folder with anything else in it is left alone.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from schemas.checked_json import DamagedError, PositiveCount, RelativePath, Sha256, read_json
from schemas.manifest_parts import FileEntry
from schemas.regular_files import read_regular
from trainer.options import TrainOptions
from trainer.report.about import About
from transforms.files.atomic_files import sync_folder
from transforms.files.checked_files import file_sha256

CHECKPOINTS = "checkpoints"
"""Their folder in that of a run."""
META, STATE, MODEL = "checkpoint.json", "state.pt", "hf"
UNFINISHED = ".unfinished"
"""The file that marks the folder of a checkpoint that is being written or deleted: all in it is
ours."""


def hexadecimal(text: str) -> None:
    """Raises ValueError unless a text is made of hexadecimal digits."""
    if not re.fullmatch("[0-9a-f]{8,64}", text):
        raise ValueError("must be 8 to 64 hexadecimal digits")


RunId = Annotated[str, hexadecimal]
"""Id of a run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Best:
    """The best evaluation of a run.

    Attributes:
      step: Steps that were done.
      score: The mean of the figures.
      figures: The main one of each task.
    """

    step: PositiveCount
    score: float
    figures: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Meta:
    """Content of checkpoint.json.

    Attributes:
      run: The run that wrote it.
      step: Steps that are done.
      loader: Position in the data, see `ArrowBatches.state_dict`.
      identity: What cannot change when a run is resumed.
      options: Of the run.
      software: Versions by name.
      files: All other files of the folder, by path.
      sha256: Of checkpoint.json without this field.
      best: The best evaluation so far; None if nothing was to be compared.
      about: The data and the machine; None of runs before this was kept.
    """

    run: RunId
    step: PositiveCount
    loader: Mapping[str, Any]
    identity: Mapping[str, Any]
    options: TrainOptions
    software: Mapping[str, str]
    files: Mapping[RelativePath, FileEntry]
    sha256: Sha256
    best: Best | None = None
    about: About | None = None


def step_name(step: int) -> str:
    """Returns the name of the folder of a step."""
    return f"step-{step:08d}"


def step_of(name: str) -> int | None:
    """Returns the step of a folder with a name that `step_name` gives, None of any other."""
    digits = re.fullmatch("step-([0-9]{8,18})", name)
    step = int(digits[1]) if digits else 0
    return step if step and step_name(step) == name else None


def found_checkpoints(run: Path) -> list[Path]:
    """Returns everything in the folder of a run that has the name of a checkpoint, by its step."""
    folder = run / CHECKPOINTS
    children = folder.iterdir() if folder.is_dir() else ()
    steps = {path: step_of(path.name) or 0 for path in children}
    return sorted((path for path, step in steps.items() if step), key=steps.__getitem__)


def seal(folder: Path, fields: Mapping[str, Any]) -> None:
    """Writes checkpoint.json, which lists all files that are in the folder but `UNFINISHED`.

    Its other fields are those of `Meta` without "files" and "sha256".
    """
    paths = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    paths = [path for path in paths if path != UNFINISHED]
    files = {
        path: {"bytes": (folder / path).stat().st_size, "sha256": file_sha256(str(folder / path))}
        for path in paths
    }
    value = _readable({**fields, "files": files})
    (folder / META).write_bytes(json_text({**value, "sha256": _digest(value)}))


def read_meta(folder: Path) -> Meta:
    """Reads checkpoint.json, which must be as it was written.

    Raises:
      DamagedError: naming it, and what is wrong.
    """
    path = folder / META
    try:
        content = read_regular(path)
    except FileNotFoundError as error:
        raise DamagedError(
            f"{folder} is damaged, or is no checkpoint of `shardmill train`: it has no {META}"
        ) from error
    except OSError as error:
        raise DamagedError(
            f"{folder} is no checkpoint of `shardmill train`: {META} cannot be read "
            f"({error.strerror})"
        ) from error
    meta = read_json(content, Meta, path)
    value = json.loads(content)
    if content != json_text(value):
        raise DamagedError(f"{path} is damaged: it is not spelled as it was written")
    del value["sha256"]
    if meta.sha256 != _digest(value):
        raise DamagedError(f"{path} is damaged: its content is not what its sha256 says")
    return meta


def check_files(folder: Path, meta: Meta) -> None:
    """Compares all files with their sizes and checksums.

    Raises:
      DamagedError: naming the first that is not as it was written.
    """
    for name, entry in meta.files.items():
        path = folder / name
        try:
            if not path.is_file():
                raise DamagedError(f"{path} is missing, and the checkpoint is damaged without it")
            size = path.stat().st_size
            if size != entry.bytes:
                raise DamagedError(
                    f"{path} is damaged: it has {size} bytes, {META} says {entry.bytes}"
                )
            if file_sha256(str(path)) != entry.sha256:
                raise DamagedError(f"{path} is damaged: its sha256 is not that of {META}")
        except OSError as error:
            raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
    if STATE not in meta.files:
        raise DamagedError(f"{folder / META} is damaged: it lists no {STATE}")


def only_ours(folder: Path, meta: Meta) -> bool:
    """Returns whether nothing is in a folder but what its checkpoint.json lists."""
    if folder.is_symlink():
        return False
    known = {Path(META), *map(Path, meta.files)}
    known |= {parent for path in known for parent in path.parents}
    return all(
        path.relative_to(folder) in known and not path.is_symlink() for path in folder.rglob("*")
    )


def sync_tree(folder: Path) -> None:
    """Makes sure that a folder and all that is in it are on the disk."""
    for path in _files(folder):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for path in (*filter(Path.is_dir, folder.rglob("*")), folder):
        sync_folder(str(path))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _readable(value: Any) -> Any:
    """Returns a value whose texts are UTF-8: paths of the command line may be any bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_readable(name): _readable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(each) for each in value]
    return value


def json_text(value: Mapping[str, Any]) -> bytes:
    """Returns JSON as it is written into files of a run."""
    return (json.dumps(value, indent=2) + "\n").encode()


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json_text(value)).hexdigest()
