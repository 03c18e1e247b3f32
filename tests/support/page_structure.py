"""Faults of a page that people meet who do not see it, or see it badly: no browser is needed."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

TEXT, GRAPHIC = 4.5, 3.0
"""Contrasts that WCAG 2.2 asks for at level AA: 1.4.3 of text, 1.4.11 of graphics."""
_VOID = {"meta", "br"}
_WITH_TEXT = {"th", "a", "summary", "title", *(f"h{number}" for number in range(1, 7))}
_CORPUS = {"p", "code", "pre", "mark", "span", "b", "s"}
"""Where text of a corpus stands, or code, which may have backticks."""
_NAMES = ("aria-label", "aria-labelledby")
_ON_PAGES = ("text", "soft", "accent", "holds", "fails")
_PROPERTY = re.compile(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})\b")
_RULE = re.compile(r"\{([^{}]*)\}")


class Structure(HTMLParser):
    """Reads a page; `faults` are sentences."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.style = ""
        self._open: list[tuple[str, Mapping[str, str]]] = []
        self._ids: list[str] = []
        self._links: list[str] = []
        self._headings: list[int] = []
        self._text: list[str] = []
        self._tags: list[str] = []
        self.feed(page)
        self.close()
        self._finish()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._tags.append(tag)
        self._ids += [given["id"]] if "id" in given else []
        self._links += [given["href"]] if tag == "a" else []
        self.faults += [*_alone(tag, given), *_named(tag, given), *self._of_table(tag, given)]
        if re.fullmatch("h[1-6]", tag):
            self._headings.append(int(tag[1]))
        if tag in _WITH_TEXT:
            self._text = []
        if tag not in _VOID:
            self._open.append((tag, given))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tags.append(tag)

    def _of_table(self, tag: str, given: Mapping[str, str]) -> Iterator[str]:
        if tag == "th" and not given.get("scope"):
            yield "<th> has no scope"
        within = any(name == "figure" or each.get("role") == "region" for name, each in self._open)
        if tag == "table" and not within:
            yield "a table is in no region that scrolls"

    def handle_endtag(self, tag: str) -> None:
        opened, given = self._open.pop()
        if opened != tag:
            self.faults.append(f"</{tag}> closes <{opened}>")
        said = "".join(self._text).strip() or given.get("aria-label")
        if tag in _WITH_TEXT and not said:
            self.faults.append(f"<{tag}> has no text")

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        last = self._open[-1][0] if self._open else ""
        if last == "style":
            self.style += data
        elif "`" in data and last not in _CORPUS:
            self.faults.append(f"a backtick stands in {data.strip()!r}")

    def _finish(self) -> None:
        if self._open:
            self.faults.append("a tag is not closed")
        if len(self._ids) != len(set(self._ids)):
            self.faults.append("two elements have one id")
        for link in self._links:
            if link.startswith("#") and link[1:] not in self._ids:
                self.faults.append(f"{link} leads nowhere")
        if self._headings[:1] != [1] or self._headings.count(1) != 1:
            self.faults.append("the first heading is not the only h1")
        for before, after in zip(self._headings, self._headings[1:], strict=False):
            if after > before + 1:
                self.faults.append(f"h{after} follows h{before}")
        if self._tags.count("main") != 1:
            self.faults.append("there is not one <main>")


def _alone(tag: str, given: Mapping[str, str]) -> Iterator[str]:
    if tag in {"script", "img", "iframe", "link"} or any(name.startswith("on") for name in given):
        yield f"<{tag}> is or has a script, or another file"


def _named(tag: str, given: Mapping[str, str]) -> Iterator[str]:
    if tag == "html" and not given.get("lang"):
        yield "<html> has no lang"
    if given.get("role") in {"img", "region", "group"} and not any(map(given.get, _NAMES)):
        yield f"<{tag} role={given['role']}> has no name"
    if given.get("role") == "region" and given.get("tabindex") != "0":
        yield f"{given.get('aria-label')} scrolls and cannot be reached by keyboard"


def contrast(one: str, other: str) -> float:
    """Returns the contrast of two colours, #rrggbb, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def weak_colours(style: str) -> Iterator[str]:
    """Yields the colours of a page's style that are too much like what is behind them.

    In both modes: text on the page and on cards, text in rules with a background of their own, and
    the colours of charts.
    """
    modes = re.split(r"@media \(prefers-color-scheme: dark\)", style)
    light = dict(_PROPERTY.findall(modes[0]))
    dark: dict[str, str] = {}
    for mode in modes[1:]:
        own, rest = _dark_block(mode)
        dark |= dict(_PROPERTY.findall(own))
        light |= dict(_PROPERTY.findall(rest))
    rules = [
        (text[1], behind[1])
        for rule in _RULE.findall(style)
        if (text := re.search(r"(?<![\w-])color:\s*var\(--([\w-]+)\)", rule))
        and (behind := re.search(r"background:\s*var\(--([\w-]+)\)", rule))
    ]
    for mode, colours in (("light", light), ("dark", {**light, **dark})):
        charts = [name for name in colours if re.fullmatch(r"t\d|c\d|bar", name)]
        pairs = [(name, behind, TEXT) for name in _ON_PAGES for behind in ("page", "card")]
        pairs += [(*rule, TEXT) for rule in rules]
        pairs += [(name, "card", GRAPHIC) for name in charts]
        for text, behind, least in pairs:
            if (found := contrast(colours[text], colours[behind])) < least:
                yield f"{mode}: {text} on {behind} has a contrast of {found:.2f}"


def _dark_block(text: str) -> tuple[str, str]:
    """Returns what stands in the braces that a text begins with, and what follows them."""
    depth = 0
    for place, sign in enumerate(text):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if sign == "}" and depth == 0:
            return text[: place + 1], text[place + 1 :]
    return text, ""
