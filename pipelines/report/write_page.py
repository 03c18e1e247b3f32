"""Writes report pages where users ask for them."""

import os
import sys
from typing import TextIO

from pipelines.folder.corpus import ADVICE, open_corpus
from pipelines.folder.output import read_manifest
from pipelines.report.examples import page_rows
from pipelines.report.mixture_page import render_mixture_report, stored_mixture
from pipelines.report.page import render_report
from pipelines.report.top_pairs import pairs_shown
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import MixtureManifest
from schemas.pages.template import PAGE_MARK
from transforms.files.atomic_files import delete_leftovers, write_atomically
from transforms.files.paths import status
from transforms.files.storage import is_local
from transforms.files.work_folder import read_bytes


def build_page(folder: str) -> str:
    """Returns the report page of a finished build, the one that lies in its folder as report.html.

    Raises:
      UsageError: if there is no build.
      DamagedError: if it is damaged.
    """
    try:
        manifest = read_manifest(folder)
    except DamagedError as error:
        raise DamagedError(f"{folder}: {error}; {ADVICE}") from error
    if isinstance(manifest, MixtureManifest):
        return render_mixture_report(manifest, stored_mixture(manifest))
    corpus = open_corpus(folder)
    return render_report(manifest, page_rows(corpus), pairs_shown(corpus), corpus.vocabulary)


def write_page(path: str, page: str, option: str, said: TextIO | None = None) -> None:
    """Writes a page, and says where.

    Args:
      path: Of the file; a report page that is there is replaced.
      page: The HTML.
      option: That named the file, for messages.
      said: Where to say it; standard output by default.

    Raises:
      UsageError: if something else has this name, or it cannot be written.
    """
    refuse_foreign_page(path, option)
    delete_leftovers(path)
    try:
        write_atomically(path, page.encode())
    except Exception as error:
        # Half-written files have other names, which say nothing to the user.
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option} {path}: cannot be written: {reason}") from error
    (said or sys.stdout).write(f"{path}: written\n")


def refuse_foreign_page(path: str, option: str) -> None:
    """Refuses a folder, and to replace a file that is no report page; see `write_page`."""
    if is_local(path) and (not os.path.basename(path) or os.path.isdir(path)):
        raise UsageError(f"{option} {path}: is a folder; name the file to write")
    try:
        there = status(path)
        foreign = there is not None and PAGE_MARK not in read_bytes(path)
    except Exception as error:
        raise UsageError(f"{option} {path}: cannot be written: {error}") from error
    if foreign:
        raise UsageError(f"{option} {path}: exists and is not a report page; name another file")
