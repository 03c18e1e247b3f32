"""Writes down what reading counted."""

from collections.abc import Mapping

from schemas.sealed import sealed_json
from transforms.files.atomic_files import write_atomically
from transforms.files.work_folder import check_owner, reading_path


def write_counts(output: str, counts: Mapping[str, int], owner: str = "") -> None:
    """Writes what reading all of the input counted, which says that it came to its end.

    Args:
      output: Folder of the corpus.
      counts: Of documents, and of rejected records by reason.
      owner: See `work_folder.check_owner`.
    """
    check_owner(output, owner)
    write_atomically(reading_path(output), sealed_json(dict(counts)))
