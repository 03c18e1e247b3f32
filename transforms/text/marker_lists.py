"""Discourse markers of English and Chinese that often begin a sentence or clause."""

from collections.abc import Mapping
from types import MappingProxyType

from transforms.text.normalize import normalize_texts

ENGLISH = (
    "accordingly",
    "actually",
    "additionally",
    "admittedly",
    "after all",
    "afterwards",
    "also",
    "alternatively",
    "and",
    "as a result",
    "at first",
    "at last",
    "besides",
    "but",
    "by contrast",
    "consequently",
    "conversely",
    "curiously",
    "even so",
    "eventually",
    "finally",
    "first of all",
    "for example",
    "for instance",
    "for this reason",
    "fortunately",
    "furthermore",
    "hence",
    "however",
    "in addition",
    "in contrast",
    "in fact",
    "in other words",
    "in particular",
    "in short",
    "incidentally",
    "indeed",
    "instead",
    "later",
    "likewise",
    "meanwhile",
    "moreover",
    "nevertheless",
    "nonetheless",
    "now",
    "of course",
    "on the contrary",
    "on the other hand",
    "or",
    "otherwise",
    "overall",
    "rather",
    "similarly",
    "so",
    "still",
    "surprisingly",
    "then",
    "therefore",
    "thus",
    "unfortunately",
    "yet",
)
CHINESE = (
    "不久后",
    "不仅如此",
    "不然",
    "不过",
    "与此同时",
    "举例来说",
    "也就是说",
    "事实上",
    "于是",
    "从此",
    "但是",
    "例如",
    "值得注意的是",
    "其实",
    "其次",
    "再说",
    "即使如此",
    "反之",
    "反而",
    "另一方面",
    "另外",
    "只是",
    "可是",
    "同时",
    "同样",
    "否则",
    "因此",
    "因而",
    "如此一来",
    "实际上",
    "尽管如此",
    "并且",
    "总之",
    "总的来说",
    "总而言之",
    "所以",
    "换句话说",
    "换言之",
    "据此",
    "接着",
    "显然",
    "更何况",
    "更重要的是",
    "最后",
    "最终",
    "此外",
    "比如",
    "毕竟",
    "然后",
    "然而",
    "甚至",
    "由此可见",
    "相反",
    "简而言之",
    "结果",
    "综上所述",
    "而且",
    "虽然如此",
    "那么",
    "随后",
    "首先",
)
MARKER_LISTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"english": ENGLISH, "chinese": CHINESE}
)
"""Built-in lists by name."""


def read_markers(text: str) -> tuple[str, ...]:
    """Reads markers, one per line, and normalises them as text is normalised.

    Raises:
      ValueError: if a marker contains a comma.
    """
    [normalized] = normalize_texts([text.encode()])
    markers = tuple(normalized.decode().split("\n")) if normalized else ()
    for marker in markers:
        if "," in marker:
            raise ValueError(
                f"the marker {marker!r} has a comma; write one marker per line, without commas: a "
                "comma that follows a marker in the text is removed with it"
            )
    return markers
