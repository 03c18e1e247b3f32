"""What is read at a time."""

from collections.abc import Sequence

from transforms.files.compression import codec_of
from transforms.files.inputs import FileRange

# What compressed text becomes, about.
_EXPANSION = 3
# Text that is read in one task, where files are smaller.
_TASK_BYTES = 4 << 20


def reading_tasks(ranges: Sequence[FileRange]) -> list[list[FileRange]]:
    """Returns what is read at a time, the longest first: many small ranges are one task.

    In a task are ranges of one format and one source, since their documents are put together.
    """
    sizes = [(_text_bytes(part), part) for part in ranges]
    large = sorted((each for each in sizes if each[0] >= _TASK_BYTES), key=lambda each: -each[0])
    tasks = [[part] for _, part in large]
    room = -1
    small = [each for each in sizes if each[0] < _TASK_BYTES]
    for size, part in sorted(small, key=lambda each: (*_kind(each[1]), -each[0])):
        if size > room or _kind(tasks[-1][-1]) != _kind(part):
            tasks.append([])
            room = _TASK_BYTES
        tasks[-1].append(part)
        room -= size
    return tasks


def _kind(part: FileRange) -> tuple[str, int]:
    return part.format, part.source


def _text_bytes(part: FileRange) -> int:
    """Returns the bytes of text in a range, about."""
    end = part.size if part.end is None else part.end
    return ((end or 0) - part.begin) * (_EXPANSION if codec_of(part.path) else 1)
