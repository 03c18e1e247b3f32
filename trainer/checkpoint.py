"""Checkpoints: a folder a step, there whole or not at all."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from schemas.errors import RunError, UsageError

META, STATE, MODEL = "checkpoint.json", "state.pt", "hf"
FOLDER, LATEST = "checkpoints", "latest"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A saved step.

    Attributes:
      path: Its folder.
      meta: Content of its checkpoint.json: "step", "loader", "identity", "options", "software".
    """

    path: Path
    meta: Mapping[str, Any]

    @property
    def step(self) -> int:
        return int(self.meta["step"])

    def tensors(self) -> dict[str, Any]:
        """Returns what was saved of model and optimizer, on the CPU.

        Raises:
          UsageError: if the file is damaged.
        """
        try:
            loaded: dict[str, Any] = torch.load(
                self.path / STATE, map_location="cpu", weights_only=True
            )
        except Exception as error:
            raise UsageError(
                f"{self.path / STATE} cannot be read: {error}; delete {self.path} to go on from "
                "the checkpoint before it"
            ) from error
        return loaded


class Checkpoints:
    """The checkpoints of a run."""

    def __init__(self, run: Path, keep: int) -> None:
        """Names them.

        Args:
          run: Folder of the run.
          keep: How many of the newest to keep.
        """
        self._folder, self._keep = run / FOLDER, keep

    def latest(self) -> Checkpoint | None:
        """Returns the newest one, or None if there is none."""
        found = self._all()
        return read_checkpoint(found[-1]) if found else None

    def save(
        self,
        meta: Mapping[str, Any],
        tensors: Mapping[str, Any],
        export: Callable[[Path], None],
    ) -> Path:
        """Writes a checkpoint, unless its step has one, and deletes old ones.

        Args:
          meta: What `Checkpoint.meta` shall be.
          tensors: What `Checkpoint.tensors` shall return.
          export: Writes the model into a folder as its users load it.

        Raises:
          RunError: if it cannot be written; the ones that are there stay as they are.
        """
        final = self._folder / f"step-{meta['step']:08d}"
        if final.exists():
            return final
        temporary = final.with_name(f".{final.name}.tmp")
        try:
            for half in self._folder.glob(".step-*.tmp"):
                shutil.rmtree(half)
            temporary.mkdir(parents=True)
            with (temporary / STATE).open("wb") as file:
                torch.save(dict(tensors), file)
            (temporary / MODEL).mkdir()
            export(temporary / MODEL)
            (temporary / META).write_text(json.dumps(meta, indent=2) + "\n", "utf-8")
            _sync(temporary)
            temporary.rename(final)
            _sync_folder(self._folder)
            self._point_to(final)
        except Exception as error:
            shutil.rmtree(temporary, ignore_errors=True)
            kept = self._all()
            whole = f"the one before, {kept[-1]}, is whole" if kept else "there is none before it"
            raise RunError(f"cannot save {final}: {error}; {whole}") from error
        for old in self._all()[: -self._keep]:
            shutil.rmtree(old)
        return final

    def _point_to(self, final: Path) -> None:
        """Lets the name RUN/latest stand for a checkpoint."""
        link = self._folder.parent / LATEST
        temporary = link.with_name(f".{LATEST}.tmp")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(final.relative_to(link.parent))
        temporary.replace(link)

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"), key=lambda path: int(path.name[5:]))


def read_checkpoint(path: Path) -> Checkpoint:
    """Opens a checkpoint.

    Raises:
      UsageError: if there is none.
    """
    try:
        meta = json.loads((path / META).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no checkpoint of `shardmill train`: {error}") from error
    return Checkpoint(path, meta)


def check_identity(checkpoint: Checkpoint, identity: Mapping[str, Any]) -> None:
    """Refuses a checkpoint of another run.

    Raises:
      UsageError: naming what differs.
    """
    there = checkpoint.meta["identity"]
    differ = [
        f"{name} {there.get(name)!r} there, {value!r} here"
        for name, value in identity.items()
        if there.get(name) != value
    ]
    if differ:
        raise UsageError(
            f"{checkpoint.path} is of another run ({'; '.join(differ)}); name another --output"
        )


def _sync(folder: Path) -> None:
    """Makes sure that all files in a folder are on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    for path in (*filter(Path.is_dir, folder.rglob("*")), folder):
        _sync_folder(path)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
