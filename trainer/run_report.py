"""What the folder of a run says of it, and the files that tell it: cards of models, and a page."""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from schemas.manifest_checks import REPORT
from schemas.wording import counted
from trainer.checkpoint_files import Meta, found_checkpoints, read_meta
from trainer.curves.records import LOG, SAMPLES
from trainer.curves.run_log import RunLog, read_log, unreadable_lines
from trainer.report.about import About
from trainer.report.card import write_card
from trainer.report.page import render_run
from trainer.report.sample_records import count_unreadable, read_samples
from trainer.report.snapshot import Snapshot
from transforms.files.atomic_files import delete_leftovers, write_atomically


def snapshot_of(run: Path, meta: Mapping[str, Any], about: About | None) -> Snapshot:
    """Returns what a run is at a checkpoint.

    Args:
      run: Its folder.
      meta: Fields of `Meta`, as a checkpoint has them.
      about: Of the run.
    """
    best = meta.get("best")
    return Snapshot(
        step=meta["step"],
        tokens=int(meta["loader"].get("tokens", 0)),
        options=meta["options"],
        software=meta["software"],
        about=about,
        best_step=None if best is None else best["step"],
        log=_log_of(run),
        size=_size(meta),
    )


def saved_snapshot(run: Path) -> Snapshot:
    """Returns what a run is at its newest checkpoint.

    Raises:
      UsageError: if it has none.
      DamagedError: if it cannot be read.
    """
    found = found_checkpoints(run)
    if not found:
        raise UsageError(f"{run} has no checkpoint yet; wait until the run has saved one")
    meta: Meta = read_meta(found[-1])
    return snapshot_of(run, dataclasses.asdict(meta), meta.about)


def write_cards(folder: Path, places: Iterable[Path], snapshot: Snapshot, loaded_by: str) -> None:
    """Writes the cards of models.

    Args:
      folder: That the models of a checkpoint lie in.
      places: The folder of each model, that one or folders in it.
      snapshot: Of the run.
      loaded_by: See `trainer.models.trainable.TrainableModel`.
    """
    for place in places:
        task = "" if place == folder else place.relative_to(folder).as_posix()
        write_card(place, snapshot, task=task, loaded_by=loaded_by)


def run_page(run: Path) -> str:
    """Returns the report page of a run, at its newest checkpoint.

    Raises:
      UsageError: if it has none.
      DamagedError: if it cannot be read.
    """
    return render_run(run.resolve().name, saved_snapshot(run), read_samples(run))


def left_out(run: Path) -> list[str]:
    """Returns what the page of a run leaves out: for each file how many lines cannot be read.

    A log without any figure is told as well, since the page then has no curves.
    """
    counts = {LOG: unreadable_lines(run), SAMPLES: count_unreadable(run)}
    lines = [
        f"{run / name}: {counted(count, 'line')} cannot be read, and {verb} left out"
        for name, count in counts.items()
        if count
        for verb in ["is" if count == 1 else "are"]
    ]
    if _log_of(run) is None:
        lines.append(f"{run / LOG} has no figures that can be read, so the page has no curves")
    return lines


def write_report(run: Path) -> None:
    """Writes RUN/report.html."""
    delete_leftovers(str(run / REPORT))
    write_atomically(str(run / REPORT), run_page(run).encode())


def _log_of(run: Path) -> RunLog | None:
    """Returns the log of a run; None if there is nothing in it yet."""
    with contextlib.suppress(UsageError):
        return read_log(run)
    return None


def _size(meta: Mapping[str, Any]) -> str:
    """Returns the size of the model in words, without the digest of its shapes."""
    return str(meta["identity"].get("model", "")).partition(", shapes")[0]
