"""Small web archives."""

import gzip
from collections.abc import Iterable

HTTP = "application/http; msgtype=response"


def record(kind: str, body: bytes, number: int = 0, content_type: str = "text/plain") -> bytes:
    """Returns a record of WARC."""
    headers = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://example.com/{number}\r\n"
        f"WARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return headers.encode() + body + b"\r\n\r\n"


def wet(texts: Iterable[str]) -> bytes:
    """Returns the texts as Common Crawl has them."""
    info = record("warcinfo", b"Software-Info: none\r\n", content_type="application/warc-fields")
    bodies = [text.encode() for text in texts]
    return info + b"".join(record("conversion", body, n) for n, body in enumerate(bodies))


def response(
    page: bytes, headers: str = "Content-Type: text/html", status: str = "200 OK"
) -> bytes:
    """Returns an answer of a server as a record."""
    answer = f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + page
    return record("response", answer, content_type=HTTP)


def by_member(records: Iterable[bytes]) -> bytes:
    """Returns records as `.warc.gz` has them: each a member of gzip."""
    return b"".join(gzip.compress(each, mtime=0) for each in records)
