"""Scripts for shells: they name every command and option, and bash completes by them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.cli import COMMANDS, main, parser_of
from pipelines.completion import SHELLS

_TRY = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shtab_shardmill shardmill "${@: -1}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_name_all_commands_and_options(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, capsys)
    options = {
        option.removeprefix("--")
        for command in COMMANDS
        for action in parser_of(command)._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    assert {"config", "quiet", "tokenizer", "batch-tokens"} < options
    assert [each for each in [*COMMANDS, *options] if each not in text] == []


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    done = subprocess.run(["bash", "--version"], capture_output=True, text=True, check=True)
    if ", version 3." in done.stdout:
        pytest.skip("this bash is of 2006")
    return tmp_path_factory.mktemp("completion") / "bash"


def test_bash_completes(
    bash_script: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bash_script.write_text(script("bash", capsys), "utf-8")
    monkeypatch.chdir(tmp_path)
    Path("tokens.json").touch()
    Path("texts").mkdir()

    def completed(*words: str) -> list[str]:
        command = ["bash", "-c", _TRY, "bash", str(bash_script), "shardmill", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert not done.stderr
        return sorted(done.stdout.split())

    assert completed("vecto") == ["vectors"]
    assert completed("help", "verif") == ["verify"]
    assert completed("build", "--token") == ["--tokenizer", "--tokenizer-differences"]
    assert completed("build", "--dedup", "") == ["off", "on"]
    assert completed("build", "--tokenizer", "tok") == ["tokens.json"]
    assert completed("verify", "te") == ["texts"]
