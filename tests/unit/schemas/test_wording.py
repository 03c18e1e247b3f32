import pytest

from schemas.wording import counted


@pytest.mark.parametrize(
    ("count", "noun", "plural", "expected"),
    [
        (0, "row", "", "0 rows"),
        (1, "row", "", "1 row"),
        (2, "row", "", "2 rows"),
        (1234567, "row", "", "1,234,567 rows"),
        (1, "copy", "copies", "1 copy"),
        (10, "copy", "copies", "10 copies"),
        (1, "record was", "records were", "1 record was"),
    ],
)
def test_one_is_no_plural(count: int, noun: str, plural: str, expected: str) -> None:
    assert counted(count, noun, plural) == expected
