import gc
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from pipelines.running import local_runner
from pipelines.running.workers import Workers
from tests.support.made_once import SHARED_FOLDER, made_once

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# What is no file may be a name on the hub, which no test asks.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tests run on every core already; threads that wait for each other take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "ci",
    max_examples=60,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder that all processes of this run share; pytest-xdist starts them later.

    Millions of objects are made when tests are collected and torch and Beam are imported, and none
    of them is garbage: looked through as often as Python does, they take a sixth of that time.
    """
    gc.set_threshold(20_000, 20, 20)
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="shardmill-tests-")
        config.add_cleanup(folder.cleanup)
        os.environ[SHARED_FOLDER] = folder.name


def pytest_collection_finish() -> None:
    """Leaves out what was imported and collected where garbage is looked for in tests."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real text beside the project; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the project")
    return folder


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder of text that ships with the project."""
    return Path(__file__).resolve().parents[1] / "sample"


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local workers are forked, as they are for users of the command line.

    This process has imported torch, so they would be programs of their own, which takes seconds.
    For builds that compute nothing with torch, whose threads a fork has not.
    """

    def forked(count: int, *, fork: bool) -> Workers:
        return Workers(count, fork=True)

    monkeypatch.setattr(local_runner, "Workers", forked)


@pytest.fixture(scope="session")
def tokenizer(sample: Path) -> Path:
    """A small WordPiece tokenizer of the bundled sample."""
    return made_once("tokenizer.json", lambda path: train_tokenizer(sample, path))


def train_tokenizer(sample: Path, path: Path) -> None:
    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer()
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=3000, special_tokens=SPECIAL_TOKENS, show_progress=False
    )
    wordpiece.train([str(path) for path in sorted(sample.glob("*.txt"))], trainer)
    wordpiece.save(str(path))
