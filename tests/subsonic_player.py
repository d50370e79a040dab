"""A player that speaks the Subsonic protocol, as tests need one."""

from __future__ import annotations

from typing import Any

import httpx


class Player:
    """A player that logs in with a key."""

    def __init__(self, url: str, login: dict[str, str]) -> None:
        self.url, self.login = f"{url}/rest/", {**login, "v": "1.16.1", "c": "tests"}

    def send(self, verb: str, method: str, **options: Any) -> httpx.Response:
        """One call of any kind."""
        return httpx.request(verb, self.url + method, timeout=60.0, trust_env=False, **options)

    def get(self, method: str, **params: Any) -> httpx.Response:
        """One call by GET."""
        return self.send("GET", method, params={**self.login, **params})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The JSON of a call; its HTTP status is 200, whatever it says."""
        answer = self.get(method, f="json", **params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        found: dict[str, Any] = answer.json()["subsonic-response"]
        return found

    def code(self, method: str, **params: Any) -> int:
        """The code of a refusal."""
        answer = self.ask(method, **params)
        assert answer["status"] == "failed", answer
        code: int = answer["error"]["code"]
        return code
