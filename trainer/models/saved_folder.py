"""What is wrong with a folder that is named as a model, where a library does not say it."""

import os
from pathlib import Path

from safetensors import SafetensorError, safe_open

from schemas.errors import UsageError


def check_folder(name: str) -> None:
    """Refuses the folder of a run in place of the model in it, and a folder without weights.

    Args:
      name: Of the model, as it was asked for.

    Raises:
      UsageError: naming what to give.
    """
    folder = Path(name)
    if not folder.is_dir():
        return
    config = folder / "config.json"
    for model in (folder / "latest" / "hf", folder / "hf"):
        if not config.exists() and model.is_dir():
            raise UsageError(f"--model {name} is a folder of a run, not of a model; give {model}")
    if config.exists() and not _files(folder, "*.safetensors", "*.bin"):
        raise UsageError(
            f"--model {name} cannot be made: the folder has a config.json and no weights; give "
            f"{config} itself for a model with new weights"
        )


def damaged_weights(name: str) -> Path | None:
    """Returns the first file of weights of a model that is damaged or cut; None if none is."""
    return next(filter(_is_damaged, _files(Path(name), "*.safetensors")), None)


def _is_damaged(path: Path) -> bool:
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
