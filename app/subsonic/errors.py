"""What the protocol can refuse, by its codes.

SubsonicError
"""

from __future__ import annotations

from app.errors import AppError

GENERIC, MISSING, WRONG_LOGIN, UNSUPPORTED_LOGIN = 0, 10, 40, 42
CONFLICTING_LOGIN, WRONG_KEY, FORBIDDEN, NOT_FOUND = 43, 44, 50, 70


class SubsonicError(AppError):
    """A refusal with one of the protocol's codes; it goes out with HTTP status 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
