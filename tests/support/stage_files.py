"""Small files of pipelines, and commands that are made in no time."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.stages.child import Ended

THREE_STEPS = """
output = "runs"

[[step]]
name = "words.txt"
command = "vocab"
options = { input = ["corpus/*.txt"], model = "words", min-count = 2 }

[[step]]
name = "general"
command = "train"
options = { data = "data", model = "bert-tiny", steps = 4, lr = 1e-4 }

[[step]]
name = "adapted"
command = "train"
options = { data = "data", model = "{general}/latest/hf", steps = 2 }
"""


def write_stages(folder: Path, text: str = THREE_STEPS) -> Path:
    """Writes the file of a pipeline, beside a corpus of two files and a folder of data."""
    for name, content in [("corpus/a.txt", "a"), ("corpus/b.txt", "b"), ("data/rows", "rows")]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    path = folder / "stages.toml"
    path.write_text(text, "utf-8")
    return path


class Commands:
    """Stands in the place of `run_command`: outputs are made of what the commands are asked.

    Attributes:
      ran: The arguments of each command, in order.
      status: How the commands end; one that fails has made nothing.
      meanwhile: Called while a command runs.
    """

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.status = Ended(0, 0)
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, arguments: Sequence[str], folder: str) -> Ended:
        self.ran.append([*arguments])
        self.meanwhile()
        [output] = [each for each in arguments if each.startswith("--output=")]
        place = Path(folder, output.partition("=")[2])
        if arguments[0] == "train":
            place = place / "latest" / "hf" / "model.safetensors"
        if self.status.status == 0:
            os.makedirs(place.parent, exist_ok=True)
            place.write_text(hashlib.sha256(repr(arguments).encode()).hexdigest(), "utf-8")
        return self.status

    @property
    def outputs(self) -> list[str]:
        """The outputs of the commands that were run, in order."""
        return [
            os.path.basename(each.partition("=")[2])
            for arguments in self.ran
            for each in arguments
            if each.startswith("--output=")
        ]
