"""The file that reading of WET is measured on."""

import io

import pytest

from benchmarks.web import _members
from transforms.files.inputs import FileRange
from transforms.read.formats import read_range


@pytest.mark.parametrize("typed", [False, True])
def test_pages_hold_all_of_the_text(typed: bool) -> None:
    text = b"".join(b"Line number %d.\n" % number for number in range(1000))
    data = b"".join(_members(text, typed=typed))
    part = FileRange(path="a.warc.wet.gz", format="wet", begin=0, end=None)
    pages = [page for batch in read_range(io.BytesIO(data), part) for page in batch.texts]
    assert len(pages) == 5
    assert b"\n".join(pages) == text.rstrip()
