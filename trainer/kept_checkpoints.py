"""The checkpoints of a run: a folder for each step, which is complete or not there at all."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from schemas.checked_json import DamagedError
from schemas.errors import RunError
from trainer.checkpoint import Checkpoint, read_checkpoint
from trainer.checkpoint_files import (
    CHECKPOINTS,
    MODEL,
    STATE,
    UNFINISHED,
    Meta,
    found_checkpoints,
    only_ours,
    read_meta,
    seal,
    step_name,
    step_of,
    sync_tree,
)
from transforms.files.atomic_files import sync_folder

FOLDER, LATEST, BEST = CHECKPOINTS, "latest", "best"
_HIDDEN = re.compile(r"\.(step-[0-9]{8,18})\.[0-9a-f]{12}\.tmp")
_LINK = re.compile(rf"\.({LATEST}|{BEST})\.[0-9a-f]{{12}}\.tmp")


class Checkpoints:
    """The checkpoints of a run, of which the newest are kept.

    A folder of the user's beside them, whatever its name, is never changed or deleted.
    """

    def __init__(self, run: Path, keep: int) -> None:
        self._run, self._folder, self._keep = run, run / FOLDER, keep

    def latest(self) -> Checkpoint | None:
        """Returns the newest one, or None if there is none.

        Raises:
          DamagedError: if it is damaged or is none of ours; it is not passed over.
        """
        found = self._all()
        if not found:
            return None
        newest = found[-1]
        advice = f"move {newest} away to "
        if len(found) > 1:
            advice += f"resume from the checkpoint before it, {found[-2].name}"
        else:
            advice += "start over: there is no checkpoint before it"
        checkpoint = read_checkpoint(newest, advice)
        if step_name(checkpoint.step) != newest.name:
            raise DamagedError(
                f"{newest} holds the checkpoint of step {checkpoint.step}: it was renamed; {advice}"
            )
        return checkpoint

    def save(
        self,
        meta: Mapping[str, Any],
        tensors: Mapping[str, Any],
        export: Callable[[Path], None],
    ) -> Path:
        """Writes a checkpoint, unless its step has one, and deletes old ones of the same run.

        Args:
          meta: The fields of `Meta` but "files" and "sha256".
          tensors: What `Checkpoint.tensors` shall return.
          export: Writes the model into a folder as its users load it.

        Raises:
          RunError: if it cannot be written; the ones that are there stay as they are.
        """
        final, best = self._folder / step_name(meta["step"]), meta.get("best")
        if os.path.lexists(final):
            with contextlib.suppress(DamagedError):
                if read_meta(final).run == meta["run"]:
                    return final
            raise RunError(f"cannot save {final}: this name is taken, by something of another run")
        temporary = self._hidden(final)
        try:
            self._make_folder()
            temporary.mkdir()
            (temporary / UNFINISHED).touch()
            self._write(temporary, meta, tensors, export)
            temporary.rename(final)
            sync_folder(str(self._folder))
            self._point_to(final)
            if best is not None and best["step"] == meta["step"]:
                self._point_to(final, BEST)
        except Exception as error:
            shutil.rmtree(temporary, ignore_errors=True)
            kept = self._all()
            rest = f"the one before, {kept[-1]}, is complete" if kept else "there is none before it"
            raise RunError(f"cannot save {final}: {_cause(error)}; {rest}") from error
        self._prune(meta["run"], None if best is None else best["step"])
        return final

    def clear(self) -> None:
        """Deletes what a killed process of ours has left half written or half deleted."""
        for path in _children(self._folder):
            if _HIDDEN.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                _delete(path)
        for path in _children(self._run):
            if _LINK.fullmatch(path.name) and is_link(path):
                path.unlink()

    def fix_latest(self) -> None:
        """Points RUN/latest to the newest one, if a process was killed before it did."""
        if found := self._all():
            self._fix(LATEST, found[-1])

    def fix_best(self, step: int | None) -> bool:
        """Does the same for RUN/best; returns whether the checkpoint of this step is there.

        Without it, a link to another one is removed: what it points to is of steps to come.
        """
        path = self._folder / step_name(step or 0)
        if step is not None and path.is_dir():
            self._fix(BEST, path)
            return True
        if is_link(self._run / BEST):
            (self._run / BEST).unlink()
        return False

    def _fix(self, name: str, path: Path) -> None:
        link = self._run / name
        if not (link.is_symlink() and os.readlink(link) == f"{FOLDER}/{path.name}"):
            self._point_to(path, name)

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True)
            for parent in (self._run, self._run.parent):
                sync_folder(str(parent))

    def _write(
        self,
        folder: Path,
        meta: Mapping[str, Any],
        tensors: Mapping[str, Any],
        export: Callable[[Path], None],
    ) -> None:
        """Writes all files of a checkpoint, down to the disk."""
        with (folder / STATE).open("wb") as file:
            torch.save(dict(tensors), file)
        (folder / MODEL).mkdir()
        export(folder / MODEL)
        # safetensors gives its files to their owner alone; here all are as the umask says.
        mode = (folder / STATE).stat().st_mode & 0o777
        for path in (folder / MODEL).rglob("*"):
            if path.is_file():
                path.chmod(mode)
        seal(folder, meta)
        sync_tree(folder)
        (folder / UNFINISHED).unlink()
        sync_folder(str(folder))

    def _point_to(self, final: Path, name: str = LATEST) -> None:
        link = self._run / name
        if os.path.lexists(link) and not is_link(link):
            raise OSError(f"{link} is not the link that a run of `shardmill train` makes")
        temporary = link.with_name(f".{name}.{secrets.token_hex(6)}.tmp")
        temporary.symlink_to(f"{FOLDER}/{final.name}")
        temporary.replace(link)
        sync_folder(str(self._run))

    def _prune(self, run: str, best: int | None) -> None:
        """Deletes the oldest checkpoints of a run but the best one.

        Each is first renamed to a hidden name.
        """
        own = [(path, meta) for path in self._all() if (meta := _meta_of(path, run)) is not None]
        for path, meta in own[: -self._keep]:
            if meta.step != best and only_ours(path, meta):
                hidden = self._hidden(path)
                path.rename(hidden)
                _delete(hidden)

    def _hidden(self, final: Path) -> Path:
        return final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp")

    def _all(self) -> list[Path]:
        """Returns everything that has the name of a checkpoint, by the step in it."""
        return found_checkpoints(self._run)


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _cause(error: BaseException) -> BaseException:
    """Returns the system's error behind one of torch, which does not include it."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, OSError):
        found = found.__context__
    return found or error


def is_link(path: Path) -> bool:
    """Returns whether something is a link to a checkpoint, as a run makes it."""
    if not path.is_symlink():
        return False
    folder, _, name = os.readlink(path).partition("/")
    return folder == FOLDER and step_of(name) is not None


def _meta_of(path: Path, run: str) -> Meta | None:
    """Returns what is known of a checkpoint of this run, None of anything else."""
    try:
        meta = read_meta(path)
    except DamagedError:
        return None
    return meta if meta.run == run and step_name(meta.step) == path.name else None


def _delete(hidden: Path) -> None:
    """Deletes a hidden folder, unless something in it is not of a checkpoint of ours."""
    mark = hidden / UNFINISHED
    if not mark.is_file() or mark.is_symlink():
        with contextlib.suppress(DamagedError, OSError):
            if only_ours(hidden, read_meta(hidden)):
                mark.touch()
    if mark.is_file() and not mark.is_symlink():
        for path in hidden.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != mark:
                path.unlink()
        mark.unlink()
    with contextlib.suppress(OSError):
        # Only if nothing is in it.
        hidden.rmdir()
