"""Whether a client has a file already."""

from __future__ import annotations

import pytest
from fastapi import Request

from app.http.entity_tags import is_file_known

FILE = {"etag": '"a"', "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"if-none-match": '"b", W/"a"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"b"'}, False),
        ({"if-modified-since": "Wed, 21 Oct 2015 07:28:00 GMT"}, True),
        ({"if-modified-since": "Thu, 22 Oct 2015 09:28:00 +0200"}, True),
        ({"if-modified-since": "Wed, 21 Oct 2015 07:27:59 GMT"}, False),
        ({"if-modified-since": "Thu, 22 Oct 2015 09:28:00 -0000"}, False),
        ({"if-modified-since": "Thu, 22 Oct 99999999999999999999 09:28:00 GMT"}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-modified-since": "Thu, 22 Oct 2015 09:28:00 GMT", "if-none-match": '"b"'}, False),
        ({}, False),
    ],
)
def test_a_file_is_known_by_its_tag_or_its_time(sent: dict[str, str], expected: bool) -> None:
    """The tag alone counts where one is named; what is no time says nothing."""
    headers = [(name.encode(), value.encode()) for name, value in sent.items()]

    assert is_file_known(Request({"type": "http", "headers": headers}), FILE) is expected
