"""Whether vectors are trained on a GPU."""

import importlib.util
import os

from schemas.errors import UsageError
from schemas.extras import pip_install

_DRIVERS = "/dev/nvidiactl", "/dev/dxg"
"""One of them is there where a GPU can be used; on Windows' Linux it is the second."""


def use_cuda(device: str, *, able: bool, threads: int | None) -> bool:
    """Returns whether to train on a GPU.

    Args:
      device: "auto", "cpu" or "cuda".
      able: Whether the method can.
      threads: Of the CPU, if they were asked for: then "auto" is the CPU.

    Raises:
      UsageError: if a GPU was asked for, and there is none, or the method has no use for one.
    """
    if device == "cpu" or (device == "auto" and not _is_wanted(able, threads)):
        return False
    if not able:
        raise UsageError("--device cuda: this recipe is trained on the CPU; leave it out")
    # torch takes seconds to import, and vectors can be trained without it.
    if importlib.util.find_spec("torch") is None:
        if device == "cuda":
            raise UsageError(
                f"--device cuda needs torch, which is not installed: {pip_install('trainer')}, or "
                "use --device cpu"
            )
        return False
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"--device cuda: torch {torch.__version__} finds no GPU here; use --device cpu, or a "
            "machine with a GPU and a CUDA build of torch"
        )
    return torch.cuda.is_available()


def _is_wanted(able: bool, threads: int | None) -> bool:
    """Returns whether a GPU is looked for where nobody asked for one."""
    return able and threads is None and any(map(os.path.exists, _DRIVERS))
