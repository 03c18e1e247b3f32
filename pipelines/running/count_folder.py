"""The folder of a count of words, beside its output: gone when the count has ended.

  words.txt   .words.txt.0123456789ab.counting/   counted-00003-of-00016.json   words-003-....arrow

A worker may live on when its run was killed, so each run has a folder of its own. Whoever holds the
output removes what runs that were killed left beside it.
"""

import contextlib
import re
import shutil
import uuid
from collections.abc import Iterator

from schemas.lock import WORK_FOLDER
from transforms.files.atomic_files import make_folder
from transforms.files.paths import delete_files, exists, list_folder, list_objects, scan_folder
from transforms.files.storage import is_local, join
from transforms.files.work_folder import error_path

_SUFFIX = ".counting"


@contextlib.contextmanager
def count_folder(output: str) -> Iterator[str]:
    """Makes a folder for counts, which is removed when it is left.

    After an error its trace stays there, until the next count.

    Args:
      output: The file that is counted for, which is held.
    """
    above, slash, name = output.rpartition("/")
    for folder in _abandoned(f"{above}{slash}", name):
        _remove(folder)
    folder = f"{above}{slash}.{name}.{uuid.uuid4().hex[:12]}{_SUFFIX}"
    make_folder(join(folder, WORK_FOLDER))
    try:
        yield folder
    except Exception:
        trace = error_path(folder)
        if exists(trace):
            others = [file.path for file in list_folder(folder, recursive=True)]
            delete_files(path for path in others if path != trace)
        else:
            _remove(folder)
        raise
    except BaseException:
        _remove(folder)
        raise
    else:
        _remove(folder)


def _abandoned(above: str, name: str) -> set[str]:
    """Returns the folders of earlier counts for a file; `above` ends with a slash, if not empty."""
    ours = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{12}}{re.escape(_SUFFIX)}")
    if is_local(above):
        there = [entry.name for entry in scan_folder(above or ".") if entry.is_dir()]
    else:
        found = list_objects(f"{above}.{name}.")
        there = [file.path.removeprefix(above).partition("/")[0] for file in found]
    return {f"{above}{each}" for each in there if ours.fullmatch(each)}


def _remove(folder: str) -> None:
    """Removes a folder, whose name says that all of it is ours."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        delete_files(file.path for file in list_folder(folder, recursive=True))
