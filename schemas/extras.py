"""How what is missing is installed."""


def pip_install(extra: str) -> str:
    """Returns the command that installs what an extra of the package needs.

    It adds to what is installed already, whether that came from a clone or from a wheel, so no
    index needs to have the package itself.
    """
    return f"pip install 'shardmill[{extra}]'"
