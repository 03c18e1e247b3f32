"""Which versions of other people's code decide the bytes of a shard."""

import importlib.metadata
import unicodedata


def software_versions(*more: str) -> dict[str, str]:
    """Returns the versions of what the bytes of every shard depend on, and of `more` libraries."""
    names = ("numpy", "pyarrow", "tokenizers", *more)
    found = {name: importlib.metadata.version(name) for name in names}
    return {**found, "unicode": unicodedata.unidata_version}
