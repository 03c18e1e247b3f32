"""Reads web archives (WARC): pages become their main text, and texts of WET are kept as they are.

Of a page that is HTML, headings, paragraphs and lists of its main content become lines; menus,
footers and the like are left out. Pages of other types, answers that are errors, requests and
metadata hold no text and are passed over.
"""

from collections.abc import Callable, Iterator, Mapping

from schemas.extras import pip_install
from transforms.files.planned_file import INCOMPLETE_ADVICE, FormatError, ReadError
from transforms.files.tailed import Tailed
from transforms.records.json_records import JSON_LINE_FACTOR
from transforms.records.line_blocks import EXCERPT_BYTES
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords

TOO_LONG, BROKEN_HTTP, BROKEN_HTML = "record_too_long", "broken_http", "broken_html"
_HTML = frozenset({"text/html", "application/xhtml+xml"})
# Behind every record.
_END = b"\r\n\r\n"
_OK = 200
_RESPONSE = (
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n"
    b"Content-Length: %d\r\n\r\n%b\r\n\r\n"
)
_ROWS_BYTES = 4 << 20
_Adder = Callable[[int, bytes, RawRecords], None]


def check_web(source: RangeSource) -> None:
    """Checks that web archives can be read here.

    Raises:
      FormatError: If a library is missing.
    """
    try:
        import fastwarc  # noqa: F401
        import resiliparse  # noqa: F401
    except ImportError as error:
        raise FormatError(
            f"{source.part.path} is a web archive, and {error.name} is missing to read it; install "
            f"it with {pip_install('web')}"
        ) from error


def read_web(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the texts of the records of an archive to `records`, and yields now and then.

    Raises:
      ReadError: If the archive ends inside a record, or something else stands between two.
      FormatError: See `check_web`.
    """
    check_web(source)
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    # These have no hash, but numbers.
    adders: Mapping[int, _Adder] = {
        int(WarcRecordType.conversion): _add_text,
        int(WarcRecordType.response): _add_page,
    }
    path, longest, held, size = source.part.path, JSON_LINE_FACTOR * records.limit, 0, 1
    stream = Tailed(source.stream, len(_END))
    for record in ArchiveIterator(stream, parse_http=False, stream_detect=False):
        size, offset = record.content_length, record.stream_pos
        add = adders.get(int(record.record_type))
        if add is None:
            read = record.reader.consume()
        elif size > longest:
            excerpt = record.reader.read(EXCERPT_BYTES)
            records.reject(offset, TOO_LONG, excerpt)
            read = len(excerpt) + record.reader.consume()
        else:
            body = record.reader.read()
            read = len(body)
            if read == size:
                add(offset, body, records)
        if read != size:
            raise ReadError(
                f"{path} ends inside the record at byte {offset}: it has {read} bytes of {size}; "
                f"{INCOMPLETE_ADVICE}"
            )
        held += size
        if held > _ROWS_BYTES:
            held = 0
            yield
    if size == 0 and stream.tail != _END:
        # A record that ends inside its headers is read as one of no bytes.
        raise ReadError(f"{path} ends inside the headers of its last record; {INCOMPLETE_ADVICE}")


def _add_text(offset: int, body: bytes, records: RawRecords) -> None:
    records.add(offset, body)


def _add_page(offset: int, body: bytes, records: RawRecords) -> None:
    """Adds the main text of an answer to a request, if it is a page; rejects what is broken."""
    from fastwarc.warc import WarcRecord

    # The reader of the archive would not go on behind an answer that cannot be decoded.
    record = WarcRecord.from_bytes(_RESPONSE % (len(body), body))
    try:
        record.parse_http(auto_decode="all")
        payload = record.reader.read()
    except (OSError, ValueError):
        records.reject(offset, BROKEN_HTTP, body)
        return
    status = record.http_headers.status_code if body.startswith(b"HTTP/") else None
    if status is None:
        records.reject(offset, BROKEN_HTTP, body)
    elif status == _OK and record.http_content_type in _HTML:
        text, reason = _main_text(payload, record.http_charset)
        if reason:
            records.reject(offset, reason, payload)
        else:
            records.add(offset, text.encode())


def _main_text(page: bytes, charset: str | None) -> tuple[str, str]:
    """Returns the main text of a page of HTML, and the reason for rejecting it or "".

    Args:
      page: As it was sent.
      charset: What its server says it is stored in; else its own words or its bytes decide.
    """
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
    from resiliparse.parse.html import HTMLTree

    named = map_encoding_to_html5(charset, fallback_utf8=False) if charset else None
    named = named or detect_encoding(page, from_html_meta=True) or "utf-8"
    try:
        tree = HTMLTree.parse_from_bytes(page, named)
        return extract_plain_text(tree, main_content=True, alt_texts=False), ""
    except ValueError:
        return "", BROKEN_HTML
