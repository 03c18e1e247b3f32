import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Tests run on every core already; threads that wait for each other take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "ci",
    max_examples=100,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


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


@pytest.fixture(scope="session")
def tokenizer(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small WordPiece tokenizer of the bundled sample."""
    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer()
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=3000, special_tokens=SPECIAL_TOKENS, show_progress=False
    )
    wordpiece.train([str(path) for path in sorted(sample.glob("*.txt"))], trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    wordpiece.save(str(path))
    return path
