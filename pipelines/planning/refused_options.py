"""Options of other commands that one does not have, refused with the reason."""

import argparse
from typing import NoReturn


class _Refused(argparse.Action):
    """An option of another command; `const` says why this one does not have it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(str(self.const))


def refuse_option(
    parser: argparse.ArgumentParser, name: str, why: str, *, flag: bool = False
) -> None:
    """Refuses an option of other commands in one sentence.

    Args:
      parser: Of the command.
      name: Of the option.
      why: Why it is not there, and what to do.
      flag: It has no value.
    """
    parser.add_argument(
        name,
        action=_Refused,
        nargs=0 if flag else None,
        dest=argparse.SUPPRESS,
        const=f"argument {name}: {why}",
        help=argparse.SUPPRESS,
    )
