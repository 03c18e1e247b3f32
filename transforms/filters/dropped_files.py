"""The files of dropped documents: dropped/part-NNNNN-of-NNNNN.jsonl.gz, for who wants to read them.

Each reading task has a file of its own, in the order of its documents, so the files are the same
whatever the workers and the runner, and a worker holds no more than it writes. A task that drops
nothing has none.
"""

import contextlib
import dataclasses
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from transforms.files.atomic_files import make_folder
from transforms.files.inputs import FileRange
from transforms.files.storage import join
from transforms.filters.noted_files import noted_file
from transforms.read.reading_tasks import reading_tasks

FOLDER = "dropped"
_LEVEL = 4


def dropped_names(tasks: int) -> list[str]:
    """Returns the paths in the output folder of the files of so many reading tasks."""
    return [f"{FOLDER}/part-{number:05d}-of-{tasks:05d}.jsonl.gz" for number in range(tasks)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DroppedFiles:
    """Where dropped documents are kept.

    Attributes:
      output: Folder of the corpus.
      names: The file of each reading task, by path and first byte of its first range.
      owner: See `work_folder.check_owner`.
    """

    output: str
    names: Mapping[tuple[str, int], str]
    owner: str = ""

    @classmethod
    def of(cls, output: str, ranges: Sequence[FileRange], owner: str = "") -> "DroppedFiles":
        """Returns the files of the tasks that these ranges are read in."""
        tasks = reading_tasks(ranges)
        firsts = [(task[0].path, task[0].begin) for task in tasks]
        return cls(
            output=output,
            names=dict(zip(firsts, dropped_names(len(tasks)), strict=True)),
            owner=owner,
        )

    @contextlib.contextmanager
    def opened(self, task: Sequence[FileRange]) -> Iterator["DropFile"]:
        """Opens the file of a task, which appears whole when the context is left."""
        name = self.names[(task[0].path, task[0].begin)]
        with contextlib.ExitStack() as stack:
            file = DropFile(self, name, stack)
            yield file


class DropFile:
    """The file of a task; it is made when the first document is dropped.

    Args:
      files: That it is one of.
      name: Its path in the output folder.
      stack: Ends it.
    """

    def __init__(self, files: DroppedFiles, name: str, stack: contextlib.ExitStack) -> None:
        self._files, self._name, self._stack = files, name, stack
        self._lines: gzip.GzipFile | None = None

    def write(self, documents: pa.RecordBatch, name: str, reasons: Sequence[str]) -> None:
        """Writes documents, a line of JSON each.

        Args:
          documents: That were dropped.
          name: Of the filter.
          reasons: Of each.
        """
        keys = documents.column("key").to_pylist()
        texts = documents.column("text").to_pylist()
        lines = [
            json.dumps(
                {"id": key.hex(), "filter": name, "reason": reason, "text": text.decode()},
                ensure_ascii=False,
            )
            for key, reason, text in zip(keys, reasons, texts, strict=True)
        ]
        self._opened().write("".join(f"{line}\n" for line in lines).encode())

    def _opened(self) -> gzip.GzipFile:
        if self._lines is None:
            output = self._files.output
            make_folder(join(output, FOLDER))
            hashing = self._stack.enter_context(noted_file(output, self._name, self._files.owner))
            # Without time and name, so that equal lines are equal bytes.
            self._lines = self._stack.enter_context(
                gzip.GzipFile(
                    filename="", mode="wb", compresslevel=_LEVEL, fileobj=hashing, mtime=0
                )
            )
        return self._lines
