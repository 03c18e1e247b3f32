"""Optional libraries that read tokenizers of other formats."""

import importlib
import importlib.metadata
from typing import Any

from pipelines.tokenizers.given import Given
from schemas.extras import pip_install

EXTRA = "tokenizers"


def library(given: Given, module: str, what: str, extra: str = EXTRA) -> Any:
    """Imports a library that is needed to read what was given.

    Raises:
      UsageError: naming the extra to install, if it is missing.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise given.problem(
            f"{what} is read with {package}, which is not installed: {pip_install(extra)}"
        ) from error


def versioned(package: str) -> str:
    """Returns the name of a package and its version."""
    return f"{package} {importlib.metadata.version(package)}"
