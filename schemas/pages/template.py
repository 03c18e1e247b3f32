"""Templates of pages and of files like them, of a package of ours and those that all share."""

import functools
import re
from typing import TYPE_CHECKING

from schemas.wording import size_of

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

PAGE_MARK = b": Shardmill report</title>"
"""What every page of ours has, so that nothing else is replaced."""
_BACKTICKS = re.compile(r"`([^`]+)`")


@functools.cache
def template_of(package: str, name: str) -> "Template":
    """Returns a template, with the filters that all of them use.

    It may include and import those of `schemas.pages`: base.css.j2, and of charts charts.css.j2,
    marks.html.j2 and charts.html.j2.

    Args:
      package: That has it in its folder "templates".
      name: Of its file.
    """
    import jinja2

    loaders = [jinja2.PackageLoader(each) for each in (package, __package__)]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=jinja2.select_autoescape(["html.j2", "svg.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = _number
    environment.filters["size"] = size_of
    environment.filters["cell"] = _cell
    environment.filters["code"] = _code
    return environment.get_template(name)


def _number(value: float) -> str:
    return f"{value:,}"


def _cell(text: str) -> str:
    """Returns a text as a cell of a Markdown table holds it, in one line."""
    return " ".join(text.split()).replace("|", r"\|")


def _code(text: str) -> "Markup":
    """Returns text as HTML, what stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))
