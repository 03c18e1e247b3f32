"""The file of a pipeline: what it says, and one sentence for whatever it says wrong."""

from pathlib import Path

import pytest

from pipelines.stages.stages_file import Read, Stages, read_stages
from schemas.errors import UsageError
from tests.support.stage_files import THREE_STEPS, write_stages

VOCAB = """
output = "runs"
[[step]]
name = "words"
command = "vocab"
options = { input = "corpus/*.txt", model = "words" }
"""


def stages_of(folder: Path, text: str) -> Stages:
    return read_stages(str(write_stages(folder, text)))


def test_steps_are_commands_with_their_options(tmp_path: Path) -> None:
    stages = stages_of(tmp_path, THREE_STEPS)
    assert stages.place == str(tmp_path / "runs")
    assert stages.place_of("general") == str(tmp_path / "runs" / "general")
    assert [(step.name, step.command, step.needs) for step in stages.steps] == [
        ("words.txt", "vocab", ()),
        ("general", "train", ()),
        ("adapted", "train", ("general",)),
    ]
    assert [stages.arguments_of(step) for step in stages.steps] == [
        ["--input=corpus/*.txt", "--model=words", "--min-count=2", "--output=runs/words.txt"],
        [
            *("--data=data", "--model=bert-tiny", "--steps=4", "--lr=0.0001"),
            "--output=runs/general",
        ],
        ["--data=data", "--model=runs/general/latest/hf", "--steps=2", "--output=runs/adapted"],
    ]


def test_what_a_step_reads_follows_from_its_options(tmp_path: Path) -> None:
    words, general, adapted = stages_of(tmp_path, THREE_STEPS).steps
    # The model of a vocabulary is a choice, and no file.
    assert words.reads == (Read("--input", "corpus/*.txt", "pattern"),)
    assert general.reads == (Read("--data", "data", "path"), Read("--model", "bert-tiny", "name"))
    assert adapted.reads == (Read("--data", "data", "path"),)


def test_arguments_without_a_name_may_refer_to_steps_and_name_folders(tmp_path: Path) -> None:
    text = f"""{VOCAB}
[[step]]
name = "rows"
command = "build"
arguments = ["cbow"]
options = {{ input = ["corpus/{{a,b}}.txt"], tokenizer = "{{words}}", temp-dir = "spilled" }}

[[step]]
name = "parquet"
command = "export"
arguments = ["{{rows}}"]
options = {{ to = "parquet" }}

[[step]]
name = "others"
command = "export"
arguments = ["other"]
options = {{ to = "parquet" }}
"""
    stages = stages_of(tmp_path, text)
    _, rows, parquet, others = stages.steps
    assert (rows.needs, parquet.needs) == (("words",), ("rows",))
    # Braces with a comma are a pattern, and what is spilled is not read.
    assert rows.reads == (Read("--input", "corpus/{a,b}.txt", "pattern"),)
    assert stages.arguments_of(parquet) == ["runs/rows", "--to=parquet", "--output=runs/parquet"]
    assert others.reads == (Read("folder", "other", "path"),)


def test_a_step_reads_the_files_of_its_sources(tmp_path: Path) -> None:
    text = """
output = "runs"
[[step]]
name = "rows"
command = "build"
arguments = ["cbow"]
options = { source = ["web=web/*.txt:0.5", "books=books.txt"], tokenizer = "words.txt" }
"""
    [rows] = stages_of(tmp_path, text).steps
    assert rows.reads == (
        Read("--source", "web/*.txt", "pattern"),
        Read("--source", "books.txt", "pattern"),
        Read("--tokenizer", "words.txt", "path"),
    )


def test_paths_begin_at_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stages(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    stages = read_stages("../stages.toml")
    assert (stages.folder, stages.place) == (str(tmp_path), str(tmp_path / "runs"))


STEP = '[[step]]\nname = "one"\ncommand = "train"\n'
DATA = 'options = { data = "data", model = "bert-tiny" }\n'
WRONG = {
    "is not TOML: Expected '=' after a key in a key/value pair (at line 2, column 8)": "\noutput 7",
    "is not TOML: it is nested too deeply": f"a = {'[' * 5000}",
    "is not TOML: Exceeds the limit": f"a = {'9' * 5000}",
    "has the key 'outputs'; did you mean output? known: output, step": 'outputs = "a"',
    'must name the folder of its outputs, such as output = "runs/reviews"': STEP,
    "output must be a folder of this machine, got gs://bucket/runs": 'output = "gs://bucket/runs"',
    "output must have a name, got /": 'output = "/"',
    "has no steps; each begins with a line [[step]]": 'output = "runs"',
    "stages.toml has no steps": 'output = "runs"\nstep = 3',
    "step 1 needs a name of letters, digits, '-', '_' and '.', the first no sign": (
        'output = "runs"\n[[step]]\ncommand = "train"'
    ),
    "the first no sign, got '../x'": 'output = "runs"\n[[step]]\nname = "../x"',
    "the first no sign, got a list": 'output = "runs"\n[[step]]\nname = ["x"]',
    "step 2 has the name one, as one before it has; name one otherwise": (
        f'output = "runs"\n{STEP}{DATA}{STEP}{DATA}'
    ),
    "step one has the key 'option'; did you mean options?": f'output = "r"\n{STEP}option = 3',
    "step one: it has no command, which can be no step; known: annotate, build": (
        'output = "r"\n[[step]]\nname = "one"'
    ),
    "step one: it has the command 'tran', which can be no step; did you mean train?": (
        'output = "r"\n[[step]]\nname = "one"\ncommand = "tran"'
    ),
    "step one: it has the command 'pipeline', which can be no step; known:": (
        'output = "r"\n[[step]]\nname = "one"\ncommand = "pipeline"'
    ),
    "step one: arguments must be a list, got 'bert'": f'output = "r"\n{STEP}arguments = "bert"',
    "step one: each of arguments must be a string or a number, got true": (
        f'output = "r"\n{STEP}arguments = [true]'
    ),
    "step one: arguments has --dry-run; what has a name belongs to options": (
        f'output = "r"\n{STEP}arguments = ["--dry-run"]'
    ),
    "step one: options must be a table, got a list": f'output = "r"\n{STEP}options = []',
    "step one: shardmill train has no option 'stepz'; did you mean steps": (
        f'output = "r"\n{STEP}options = {{ stepz = 3 }}'
    ),
    "step one: leave out output: the pipeline names the output after the step": (
        f'output = "r"\n{STEP}options = {{ output = "x" }}'
    ),
    "step one: leave out overwrite: give it to shardmill pipeline": (
        f'output = "r"\n{STEP}options = {{ overwrite = true }}'
    ),
    "step one: leave out follow: a stream has no end": (
        f'output = "r"\n{STEP}options = {{ follow = true }}'
    ),
    "step one: argument --lr: must be a number above 0 and at most 100, got '-1'": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "m", lr = -1 }}'
    ),
    "step one: argument --lr: must be a number above 0 and at most 100, got 'nan'": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "m", lr = nan }}'
    ),
    "step one: the following arguments are required: --model": (
        f'output = "r"\n{STEP}options = {{ data = "data" }}'
    ),
    "step one: --schedule constant does not decay": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "m", schedule = "constant", '
        "decay-tokens = 5 }"
    ),
    "step one: --objective: no recipe is called 'bertt'": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "m", objective = "bertt" }}'
    ),
    "step one: steps takes one value, got a list of 2": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "m", steps = [1, 2] }}'
    ),
    "step one: {two} refers to no step before it; known: none": (
        f'output = "r"\n{STEP}options = {{ data = "{{two}}", model = "m" }}'
    ),
    "step one: {one}/latest/hf refers to itself; a step may use what steps before it made": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "{{one}}/latest/hf" }}'
    ),
    "step one: {two} refers to {two}, which comes later; a step may use": (
        f'output = "r"\n{STEP}options = {{ data = "data", model = "{{two}}" }}\n'
        f'[[step]]\nname = "two"\ncommand = "train"\n{DATA}'
    ),
    "step two: {on}/latest/hf refers to no step before it; did you mean one? known: one": (
        f'output = "r"\n{STEP}{DATA}[[step]]\nname = "two"\ncommand = "train"\n'
        'options = { data = "data", model = "{on}/latest/hf" }'
    ),
}


@pytest.mark.parametrize("told", WRONG)
def test_what_is_wrong_is_told_in_one_sentence(told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        stages_of(tmp_path, WRONG[told])
    message = str(error.value)
    assert told in message
    assert message.startswith(f"{tmp_path}/stages.toml")
    assert "\n" not in message


def test_options_that_neither_we_nor_beam_have(tmp_path: Path) -> None:
    text = VOCAB.replace('model = "words"', 'model = "words", min-coumt = 3')
    with pytest.raises(UsageError, match="step words: neither Shardmill nor Beam has an option"):
        stages_of(tmp_path, text)


@pytest.mark.parametrize(
    ("recipe", "options", "told"),
    [
        ("bertt", "", "step rows: no recipe is called 'bertt'; did you mean bert or albert"),
        ("bert", 'set = "pasess=3"', "step rows: --set: "),
        ("bert", "copies = 0", "step rows: --copies: copies must be in [1, 1000], got 0"),
        ("mixture", "", "step rows: mixture needs --members, such as bert-wwm,albert=2"),
        ("mixture", 'members = "bert,alberta"', "step rows: --members: no recipe is called"),
        ("bert", 'markers = "markers.txt"', ""),
        ("classify", 'fields = "text,label"\neval-input = "dev.jsonl"', ""),
        ("tag", "", "step rows: tag needs --fields, as in --fields words,tags"),
        (
            "regress",
            'fields = "text"',
            "step rows: --fields of regress takes text,label or text_a,",
        ),
        ("regress", 'fields = "text,label"\nlabels = "a,b"', "--labels names classes, and there"),
        ("rank", 'fields = "query,candidates,label"\ncopies = 2', "step rows: --copies: "),
        ("bert", 'eval-input = "dev.jsonl"', "step rows: --eval-input is for labelled records"),
        (
            "classify",
            'fields = "text,label"\neval-input = "dev.jsonl"\neval-fraction = 0.2',
            "step rows: --eval-input names what is held out, and --eval-fraction draws it",
        ),
    ],
)
def test_recipes_are_checked_before_anything_runs(
    recipe: str, options: str, told: str, tmp_path: Path
) -> None:
    text = f"""
output = "runs"
[[step]]
name = "rows"
command = "build"
arguments = ["{recipe}"]
[step.options]
input = "corpus/*.txt"
tokenizer = "tokenizer.json"
{options}
"""
    if not told:
        assert len(stages_of(tmp_path, text).steps) == 1
        return
    with pytest.raises(UsageError) as error:
        stages_of(tmp_path, text)
    assert told in str(error.value)


TUNED = """
output = "runs"
[[step]]
name = "reviews"
command = "build"
arguments = ["classify"]
[step.options]
input = "train.jsonl"
eval-input = ["dev/*.jsonl"]
fields = "text,label"
tokenizer = "tokenizer.json"

[[step]]
name = "tuned"
command = "train"
options = { data = ["{reviews}", "ratings"], model = "bert-tiny", probe = ["{reviews}", "names"] }

[[step]]
name = "exits"
command = "distil"
options = { data = "texts", model = "{tuned}/best/hf", exit-width = 16 }

[[step]]
name = "predictions.jsonl"
command = "predict"
options = { model = "{exits}/best/hf", speed = 0.5, input = "new/*.jsonl", fields = "text" }
"""


def test_fine_tuning_and_what_comes_behind_it(tmp_path: Path) -> None:
    stages = stages_of(tmp_path, TUNED)
    assert [
        [(read.option, read.value, read.kind) for read in each.reads] for each in stages.steps
    ] == [
        [
            ("--input", "train.jsonl", "pattern"),
            ("--eval-input", "dev/*.jsonl", "pattern"),
            ("--tokenizer", "tokenizer.json", "path"),
        ],
        [
            ("--data", "ratings", "path"),
            ("--model", "bert-tiny", "name"),
            ("--probe", "names", "path"),
        ],
        [("--data", "texts", "path")],
        [("--input", "new/*.jsonl", "pattern")],
    ]
    assert [each.needs for each in stages.steps] == [(), ("reviews",), ("tuned",), ("exits",)]
    assert stages.arguments_of(stages.steps[1]) == [
        *("--data=runs/reviews", "--data=ratings", "--model=bert-tiny"),
        *("--probe=runs/reviews", "--probe=names", "--output=runs/tuned"),
    ]
    assert stages.arguments_of(stages.steps[3])[-1] == "--output=runs/predictions.jsonl"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("exit-width = 16", "exit-width = 15", "step exits: argument --exit-width: must be a mult"),
        (', input = "new/*.jsonl"', "", "step predictions.jsonl: predictions are of records or"),
        ('fields = "text" }', 'fields = "text", split = "eval" }', "--split is for --data, and"),
    ],
)
def test_exits_and_predictions_are_checked(
    before: str, after: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as error:
        stages_of(tmp_path, TUNED.replace(before, after))
    assert told in str(error.value)


def test_options_of_beam_are_passed_on(tmp_path: Path) -> None:
    text = VOCAB.replace('model = "words"', 'model = "words", save_main_session = true')
    [step] = stages_of(tmp_path, text).steps
    assert step.options["save_main_session"] == ()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^FILE .*x.toml: there is no such file$"):
        read_stages(str(tmp_path / "x.toml"))
    with pytest.raises(UsageError, match="is a folder; name a file"):
        read_stages(str(tmp_path))
    with pytest.raises(UsageError, match="must be a file of this machine"):
        read_stages("gs://bucket/stages.toml")
    (tmp_path / "y.toml").write_bytes(b'output = "\xff"')
    with pytest.raises(UsageError, match=r"y\.toml: not UTF-8 text"):
        read_stages(str(tmp_path / "y.toml"))
