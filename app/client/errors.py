"""What can go wrong between a program and a service.

ClientError(AppError)
├── RefusedError       the service answered with a problem (RFC 9457)
└── UnreachableError   no answer came, or none that a service of this kind gives
"""

from __future__ import annotations

from typing import Any

from app.errors import AppError


class ClientError(AppError):
    """A question to a service has no answer."""


class RefusedError(ClientError):
    """The service answered with a problem.

    Attributes:
        status: HTTP status.
        problem: The problem document: `type`, `title`, `detail`, and what else it says.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"status {status}"))
        self.status = status
        self.problem = problem

    @property
    def kind(self) -> str:
        """Last part of the problem's type, such as `unknown-mood`."""
        return str(self.problem.get("type", "")).rpartition(":")[2]


class UnreachableError(ClientError):
    """No answer came, or none that a service of this kind gives."""
