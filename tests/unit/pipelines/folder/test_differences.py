from typing import Any

import pytest

from pipelines.folder.differences import differences

FILTERS: dict[str, Any] = {"c4": {"version": 1}, "boilerplate": {"version": 1, "min_words": 5}}
MANIFEST = {"seed": 1, "filters": FILTERS, "document_separator": "", "splits": {"train": {}}}


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        ({"seed": 1, "filters": FILTERS}, []),
        ({"seed": 2, "filters": FILTERS}, ["seed: there 1, here 2"]),
        (
            {"seed": 1, "filters": {"c4": {"version": 1}}},
            ['filters.boilerplate: there {"version": 1, "min_words": 5}, here null'],
        ),
        (
            {"seed": 1, "filters": {**FILTERS, "c4": {"version": 2}}},
            ["filters.c4.version: there 1, here 2"],
        ),
        (
            {"seed": 1},
            [
                'filters: there {"c4": {"version": 1}, "boilerplate": {"version": 1, "min_words": '
                "5}}, here null"
            ],
        ),
    ],
)
def test_options_that_were_left_out_differ(wanted: dict[str, Any], lines: list[str]) -> None:
    assert list(differences(wanted, MANIFEST)) == lines
