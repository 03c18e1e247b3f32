"""What is wrong with a folder that is named as a model, where a library does not say it.

No library is imported until weights are looked at, so names are refused at once.
"""

import os
from pathlib import Path

from schemas.errors import UsageError

FINE_TUNED = "give RUN/best/hf of a model that shardmill train has fine-tuned"


def check_folder(name: str) -> None:
    """Refuses the folder of a run in place of its model, and one without a model or weights.

    Args:
      name: Of the model, as it was asked for.

    Raises:
      UsageError: naming what to give.
    """
    folder = Path(name)
    if not folder.is_dir():
        return
    config = folder / "config.json"
    _check_run(folder, "latest")
    if not config.exists() and not _inside(folder):
        raise UsageError(
            f"--model {name} holds no model: it has no config.json; give RUN/latest/hf of a run, a "
            "CONFIG.json, or the name of a new model"
        )
    if config.exists() and not _files(folder, "*.safetensors", "*.bin"):
        raise UsageError(
            f"--model {name} cannot be made: the folder has a config.json and no weights; give "
            f"{config} itself for a model with new weights"
        )


def check_fine_tuned(name: str) -> None:
    """Refuses what cannot be the folder of a fine-tuned model.

    Args:
      name: Of the model, as it was asked for.

    Raises:
      UsageError: naming what to give.
    """
    folder = Path(name)
    if not folder.is_dir():
        raise UsageError(f"--model {name} is no folder; {FINE_TUNED}")
    _check_run(folder, "best", "latest")
    if not (folder / "config.json").exists():
        inside = _inside(folder)
        many = "several, such as " if len(inside) > 1 else "one in "
        several = f", but {many}{inside[0]}" if inside else ""
        raise UsageError(f"--model {name} holds no model{several}; {FINE_TUNED}")


def _check_run(folder: Path, *checkpoints: str) -> None:
    """Refuses the folder of a run, or of one of its checkpoints, and names the model in it."""
    if (folder / "config.json").exists():
        return
    for model in (*(folder / each / "hf" for each in checkpoints), folder / "hf"):
        if model.is_dir():
            raise UsageError(f"--model {folder} is a folder of a run, not of a model; give {model}")


def _inside(folder: Path) -> list[Path]:
    """Returns the folders in a folder that hold a model."""
    return sorted(path.parent for path in folder.glob("*/config.json"))


def damaged_weights(name: str) -> Path | None:
    """Returns the first file of weights of a model that is damaged or cut; None if none is."""
    return next(filter(_is_damaged, _files(Path(name), "*.safetensors")), None)


def _is_damaged(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt"):
            return False
    except SafetensorError:
        return True
    except OSError:
        return False


def _files(folder: Path, *names: str) -> list[Path]:
    """Returns the files of these names in a folder, and in those of its models."""
    patterns = (f"{place}{each}" for place in ("", "*/") for each in names)
    found = (path for pattern in patterns for path in folder.glob(pattern))
    return sorted(path for path in found if os.path.isfile(path))
