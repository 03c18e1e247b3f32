"""What docs/seq2seq.md shows works."""

import re
from pathlib import Path

from tests.support.sample_builds import corpus
from tests.support.training_runs import train
from trainer.generate import _parser as generate_parser
from trainer.models.presets import PRESETS
from trainer.train_arguments import _parser as train_parser

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "seq2seq.md").read_text("utf-8")


def test_a_saved_model_restores_text(tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    options = ("--batch-tokens", "640", "--steps", "1")
    assert train(corpus("t5"), "t5-tiny", tmp_path / "RUN", *options) == 0
    names: dict[str, object] = {}
    exec(code.replace('"RUN/', f'"{tmp_path}/RUN/').replace("print(", "text = ("), names)
    assert type(names["model"]).__name__ == "T5ForConditionalGeneration"
    assert isinstance(names["text"], str)


def test_options_and_models_that_are_named_exist() -> None:
    parsers = train_parser(), generate_parser()
    known = {name for parser in parsers for each in parser._actions for name in each.option_strings}
    of_builds = {"--input", "--size", "--sentinels", "--tokenizer"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGE)) <= known | of_builds
    table = PAGE.partition("| class |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z0-9]+-(?:base|small|tiny|large))`", table))
    types = {"t5", "bart", "prophetnet"}
    assert named == {name for name, each in PRESETS.items() if each["model_type"] in types}


def test_the_help_of_train_names_every_model() -> None:
    [model] = [each for each in train_parser()._actions if "--model" in each.option_strings]
    named = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", model.help or ""))
    assert {"t5-tiny", "gpt2", "transformer-xl-base", "bert-base"} <= set(PRESETS) <= named
