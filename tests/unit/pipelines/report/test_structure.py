"""What every page must have for people who hear it, enlarge it, or use no mouse."""

import pytest

from tests.support.page_structure import Structure, contrast, weak_colours
from tests.support.report_pages import PAGES, RECIPES, page

WHOLE = (
    '<!doctype html><html lang="en"><head><title>t</title></head><body><main><h1>a</h1>{}</main>'
    "</body></html>"
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_heard_and_reached(name: str) -> None:
    structure = Structure(page(name))
    assert structure.faults == []
    assert [*weak_colours(structure.style)] == []


@pytest.mark.parametrize("name", RECIPES)
def test_a_page_stays_small(name: str) -> None:
    assert len(page(name).encode()) < 300_000


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('<div role="img"></div>', "<div role=img> has no name"),
        ("<h3>b</h3>", "h3 follows h1"),
        ("<h1>b</h1>", "the first heading is not the only h1"),
        ('<i id="a"></i><i id="a"></i>', "two elements have one id"),
        ('<a href="#b">b</a>', "#b leads nowhere"),
        ("<script></script>", "<script> is or has a script, or another file"),
        ("<summary> </summary>", "<summary> has no text"),
        ('<div role="region" aria-label="x"></div>', "x scrolls and cannot be reached by keyboard"),
        ("<td>the `x`</td>", "a backtick stands in 'the `x`'"),
        ("<table></table>", "a table is in no region that scrolls"),
        ("<figure><table><tr><th>a</th></tr></table></figure>", "<th> has no scope"),
    ],
)
def test_a_fault_is_found(content: str, fault: str) -> None:
    assert Structure(WHOLE.format(content)).faults == [fault]


def test_a_page_without_faults_has_none() -> None:
    assert Structure(WHOLE.format("<h2>b</h2>")).faults == []
    assert "<html> has no lang" in Structure("<html><h1>a</h1><main></main></html>").faults


def test_contrasts_are_those_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert contrast("#123456", "#123456") == 1.0


def test_a_colour_that_is_too_weak_is_found_in_its_mode() -> None:
    names = ["page", "card", "text", "soft", "accent", "holds", "fails"]
    light = "; ".join(
        f"--{name}: {'#ffffff' if name in names[:2] else '#333333'}" for name in names
    )
    dark = "; ".join(f"--{name}: {'#000000' if name in names[:2] else '#dddddd'}" for name in names)
    media = "@media (prefers-color-scheme: dark)"
    assert [*weak_colours(f":root {{ {light} }} {media} {{ :root {{ {dark} }} }}")] == []
    weak = dark.replace("--soft: #dddddd", "--soft: #444444")
    assert [*weak_colours(f":root {{ {light} }} {media} {{ :root {{ {weak} }} }}")] == [
        "dark: soft on page has a contrast of 2.16",
        "dark: soft on card has a contrast of 2.16",
    ]
    rule = ".a { background: var(--text); color: var(--soft); }"
    assert [*weak_colours(f":root {{ {light} }} {rule}")] == [
        "light: soft on text has a contrast of 1.00",
        "dark: soft on text has a contrast of 1.00",
    ]
