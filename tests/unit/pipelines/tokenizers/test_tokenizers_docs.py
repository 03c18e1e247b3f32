"""docs/tokenizers.md names options, recipes and patterns that there are."""

import re
import shlex
from pathlib import Path

from pipelines.planning.build_arguments import parse_build_options
from pipelines.tokenizers.hub import is_hub_name
from pipelines.tokenizers.tiktoken_file import PATTERNS

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "tokenizers.md").read_text("utf-8")


def test_every_command_can_be_read() -> None:
    commands = re.findall(r"`shardmill build ([^`]*)`", PAGE)
    read = [parse_build_options(shlex.split(each)) for each in commands]
    assert [options.tokenizer for options in read] == [
        *("tokenizer.json", "my-model", "vocab.txt", "spm.model", "cl100k_base.tiktoken", "gpt2"),
        "bert-base-chinese@main",
    ]
    assert [is_hub_name(options.tokenizer) for options in read[2:]] == [False] * 3 + [True] * 2


def test_patterns_are_those_that_there_are() -> None:
    assert f"`{'`, `'.join(PATTERNS)}` or the regular expression" in " ".join(PAGE.split())
    for pattern in PATTERNS.values():
        assert all(name in PAGE for name in pattern.names)
