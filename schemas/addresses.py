"""Addresses of files as they are stored: without what lets a reader in."""

import re

_SECRET = re.compile(
    r"(?<=://)[^/?#@:\s]*:[^/?#\s]*@|"
    r"(?<=[?&])[^=&#\s]*(?:token|secret|signature|credentials?|password|passwd|pwd|auth|key|keyid|sig)"
    r"=[^&#\s]*",
    re.IGNORECASE,
)
"""The user and password in front of a host, and what an address is signed with."""


def without_secrets(text: str) -> str:
    """Returns a text without passwords and signatures in the addresses that it names.

    >>> without_secrets("https://me:word@host/a.txt?sig=12ab&page=1")
    'https://host/a.txt?&page=1'
    """
    return _SECRET.sub("", text)
