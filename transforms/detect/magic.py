"""Detects binary formats by the magic number that their files begin with."""

import re

_MAGIC = (
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x1f\x9d", "a file of compress (.Z)"),
    (0, b"LZIP\x01", "lzip"),
    (0, b"\x04\x22\x4d\x18", "LZ4"),
    (0, b"PK\x03\x04", "a zip archive (or a document in one, such as .docx)"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF-", "PDF"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"PAR1", "Parquet"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"FEA1", "Feather"),
    (0, b"\xff\xff\xff\xff", "an Arrow stream"),
    (0, b"ORC", "ORC"),
    (0, b"Obj\x01", "Avro"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x7fELF", "a program"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"\x89PNG\r\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (0, b"{\\rtf", "RTF"),
    (0, b"%!PS", "PostScript"),
)
# A text may begin with one of these. In the binary formats, what follows is not text.
_PRINTABLE_MAGIC = frozenset({b"PAR1", b"FEA1", b"ORC", b"GGUF", b"GIF8", b"PK\x03\x04", b"ARROW1"})
_PATTERNS = (
    (re.compile(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)"), "bz2"),
    # Skippable frames may come before the first data frame.
    (re.compile(rb"[\x50-\x5f]\x2a\x4d\x18"), "Zstandard"),
    # Protocols 2 and later, then 1 and 0, of a collection or a string.
    (re.compile(rb"\x80[\x02-\x05](\x95|[\]\}\(ccX\x8c])"), "a Python pickle"),
    (
        re.compile(rb"[\]})]q\x00|X.{3}\x00|\([ldti]p0\r?\n|V[^\n]*\np0\n", re.DOTALL),
        "a Python pickle",
    ),
    # The length of a header or record in eight bytes.
    (re.compile(rb".{3}[\x00-\x7f]\0{4}\{\"", re.DOTALL), "safetensors"),
    (re.compile(rb".{3}[\x00-\x7f]\0{4}", re.DOTALL), "TFRecord or another binary format"),
    (re.compile(rb"\s*%PDF-\d\.\d\s"), "PDF"),
)
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_HEADER_BYTES = 1024
_NULS = b"\0" * 4


def binary_format(head: bytes) -> str | None:
    r"""Returns the name of the binary format that begins so, None if it is none of the known ones.

    >>> binary_format(b"PAR1\x15\x04"), binary_format(b"PAR1 is where we meet.\n")
    ('Parquet', None)
    """
    for place, magic, name in _MAGIC:
        if head[place : place + len(magic)] == magic and not (
            magic in _PRINTABLE_MAGIC and is_utf8(head) and not _controls(head)
        ):
            return name
    return next((name for pattern, name in _PATTERNS if pattern.match(head)), None)


def looks_binary(head: bytes) -> bool:
    """Whether bytes have more control characters than text has, or consecutive NULs at first."""
    many = _controls(head) * 20 > len(head)
    return many or _NULS in head[:_HEADER_BYTES]


def _controls(head: bytes) -> int:
    """Returns the number of control characters that text does not have."""
    return len(head) - len(head.translate(None, _CONTROLS))


def is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8; they may end inside a character."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True
