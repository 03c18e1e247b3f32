"""What a user gave as a tokenizer: a file, or a folder of files."""

import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import Any

from schemas.errors import UsageError

CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
CONFIGS = (CONFIG, SPECIAL_TOKENS)
"""Files that say how the files beside them are to be read."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """A tokenizer before it is converted.

    Attributes:
      name: What the user named, for messages.
      files: Content by file name: those that may be a tokenizer.
      configs: Content of those of `CONFIGS` that lie beside them.
      is_folder: A folder was named, and no single file.
      folder: That folder, if it is local.
      added: Tokens that options name for a role, by role; formats whose files have no special
        tokens get them appended.
      pattern: Of tiktoken: the name of a known pattern or a regular expression.
    """

    name: str
    files: Mapping[str, bytes]
    configs: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    is_folder: bool = False
    folder: str | None = None
    added: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pattern: str | None = None

    @functools.cached_property
    def config(self) -> Mapping[str, Any]:
        """What the configuration files say; {} if there is none.

        Raises:
          UsageError: if one is no JSON object.
        """
        found: dict[str, Any] = {}
        for name in CONFIGS:
            if name in self.configs:
                found = {**self._json(name), **found}
        return found

    def token(self, role: str) -> str | None:
        """Returns the token that the configuration names for a role such as "mask"."""
        found = self.config.get(f"{role}_token")
        found = found.get("content") if isinstance(found, Mapping) else found
        return found if isinstance(found, str) else None

    def flag(self, name: str, default: bool | None) -> bool | None:
        """Returns what the configuration says of something that is on or off; null is the default.

        Raises:
          UsageError: if it says anything else.
        """
        found = self.config.get(name)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise self.problem(f"{CONFIG} says {name} {found!r}, which must be true or false")
        return found

    def problem(self, message: str) -> UsageError:
        """Returns an error that names the option and what was given."""
        return UsageError(f"--tokenizer {self.name}: {message}")

    def _json(self, name: str) -> Mapping[str, Any]:
        try:
            found = json.loads(self.configs[name])
        except (ValueError, RecursionError) as error:
            raise self.problem(f"{name} beside it is no JSON file: {error}") from error
        if not isinstance(found, Mapping):
            raise self.problem(f"{name} beside it is no JSON object")
        return found
