"""The page and its files over HTTP."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.running import Running, fake_settings, problem_of, running_service


def test_a_file_of_the_page_is_asked_about_and_not_sent_twice(service: Running) -> None:
    """With the tag of what the browser has: 304 and empty. HEAD gives the head alone."""
    first = service.client.get("/web/main.js")
    tag = first.headers["etag"]

    again = service.client.get("/web/main.js", headers={"if-none-match": f'"other", W/{tag}'})
    head = service.client.head("/web/main.js")

    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))


@pytest.mark.parametrize(
    "path", ["/web/none.js", "/web/..%2fmain.py", "/web/%2e%2e", "/web/index.html", "/web/a/b.js"]
)
def test_nothing_but_the_pages_files_is_served(service: Running, path: str) -> None:
    """No file of another folder or kind."""
    problem_of(service.client.get(path), 404, "not-found")


def test_the_page_names_what_it_will_ask_for_first(service: Running, tmp_path: Path) -> None:
    """Relative to the page, and only what will be answered: no map of an empty library."""
    link = service.client.get("/").headers["link"]
    named = re.findall(r"<([^>]+)>; rel=preload; as=fetch; crossorigin", link)

    assert named == ["v1/library", "v1/tracks/map?scale=relative"]
    assert all(service.client.get(f"/{path}").status_code == 200 for path in named)
    with running_service(fake_settings(tmp_path)) as empty:
        assert "map" not in empty.client.get("/").headers["link"]
    with running_service(fake_settings(tmp_path, require_key=True)) as locked:
        assert locked.client.get("/").headers["link"] == ""
