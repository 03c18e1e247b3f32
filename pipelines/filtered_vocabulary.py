"""The text that a vocabulary is learned of, without what filters leave out."""

from collections.abc import Mapping, Sequence

from pipelines.near_duplicates import find_near_duplicates
from pipelines.planning.filters import Filtering
from pipelines.running.work import Runner
from transforms.files.inputs import FileRange
from transforms.files.storage import join
from transforms.filters.known_duplicates import read_clusters
from transforms.filters.near_files import DROPPED_KEYS
from transforms.read.read_documents import Reader


def filtered_reader(
    filtering: Filtering,
    reader: Reader,
    ranges: Sequence[FileRange],
    text_bytes: int,
    runner: Runner,
    folder: str,
) -> tuple[Reader, Mapping[str, int]]:
    """Returns what reads the documents that filters keep, and the clusters of near-duplicates.

    Near-duplicates are looked for here: then the text is read twice, as for a build.

    Args:
      filtering: What the documents go through.
      reader: Reads all of them.
      ranges: That are read.
      text_bytes: Estimated size of the text.
      runner: Looks for near-duplicates.
      folder: Of our own, for what is found meanwhile.

    Returns:
      The reader; and how many clusters there are and how large the largest is, empty if
      near-duplicates were not looked for.

    Raises:
      RunError: if a file cannot be read.
    """
    near: Mapping[str, int] = {}
    if search := filtering.search(reader, folder, "", ranges, text_bytes):
        paths = list(dict.fromkeys(part.path for part in ranges))
        find_near_duplicates(search, runner, paths, text_bytes)
        near = read_clusters(join(folder, *DROPPED_KEYS.split("/")))
    return filtering.reader(reader, folder, "", ranges, record=False), near
