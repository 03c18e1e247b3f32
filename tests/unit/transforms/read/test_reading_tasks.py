from transforms.files.inputs import FileRange
from transforms.read.reading_tasks import reading_tasks


def test_the_longest_ranges_come_first_and_small_ones_are_read_together() -> None:
    def part(path: str, begin: int, end: int | None, size: int, kind: str = "text") -> FileRange:
        mib = 1 << 20
        stop = None if end is None else end * mib
        return FileRange(path=path, format=kind, begin=begin * mib, end=stop, size=size * mib)

    ranges = [
        part("a.txt", 0, 10, 15),
        part("a.txt", 10, 15, 15),
        part("b.gz", 0, None, 4),
        part("c.txt", 0, 3, 3),
        part("d.jsonl", 0, 1, 1, "jsonl"),
        part("e.txt", 0, 2, 2),
        part("f.txt", 0, 1, 1),
        part("g.txt", 0, 0, 0),
    ]
    tasks = [[each.path for each in task] for task in reading_tasks(ranges)]
    assert tasks == [
        ["b.gz"],
        ["a.txt"],
        ["a.txt"],
        ["d.jsonl"],
        ["c.txt"],
        ["e.txt", "f.txt", "g.txt"],
    ]
    assert reading_tasks(ranges)[1] == [ranges[0]]
    assert reading_tasks([ranges[-1]]) == [[ranges[-1]]]
