"""The command line of `shardmill follow`."""

import pytest

from pipelines.planning.follow_arguments import FollowOptions, parse_follow_options
from schemas.errors import UsageError

NEEDED = ("--watch", "in/*", "--output", "out", "--tokenizer", "tok.json")


def parse(*more: str) -> FollowOptions:
    return parse_follow_options(["roberta", *NEEDED, *more])


def test_defaults() -> None:
    options = parse()
    assert (options.every, options.min_mib, options.max_wait, options.settle) == (10, 0, None, 1)
    assert (options.once, options.give_up_changed) == (False, False)
    assert (options.shards, options.eval_fraction, options.seed) == (4, None, 12345)
    assert (options.input, options.output, options.recipe) == (("in/*",), "out", "roberta")
    assert (options.dedup, options.overwrite) == (True, False)


def test_given_values() -> None:
    options = parse(
        *("--every", "30s", "--min-mib", "64", "--max-wait", "1h", "--settle", "0"),
        *("--once", "--give-up-changed", "--shards", "2", "--watch", "more/*"),
    )
    assert (options.every, options.min_mib, options.max_wait, options.settle) == (30, 64, 3600, 0)
    assert (options.once, options.give_up_changed, options.shards) == (True, True, 2)
    assert options.input == ("in/*", "more/*")


@pytest.mark.parametrize("missing", ["--watch", "--output", "--tokenizer"])
def test_what_is_needed(missing: str) -> None:
    at = NEEDED.index(missing)
    with pytest.raises(UsageError, match=missing):
        parse_follow_options(["roberta", *NEEDED[:at], *NEEDED[at + 2 :]])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--every", "soon"], "--every: must be seconds, or a time such as 30s, 5m or 2h"),
        (["--every", "-1"], "--every"),
        (["--min-mib", "-1"], "--min-mib: must be a whole number of at least 0"),
        (["--min-mib", "1.5"], "--min-mib: must be a whole number"),
        (["--max-wait", "nan"], "--max-wait: must be seconds"),
        (["--settle", ""], "--settle: must be seconds"),
        (["--shards", "auto"], "--shards: must be a whole number of at least 1"),
        (["--shards", "0"], "--shards: must be a whole number of at least 1"),
        (["--dedup", "off"], "--dedup off: a stream drops the documents that it has already"),
        (["--annotations", "folder"], "--annotations folder are of a text that is finished"),
        (["--input", "x"], "--input"),
        (["--overwrite"], "--overwrite"),
    ],
)
def test_refused(more: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(*more)
    assert message in str(raised.value)
