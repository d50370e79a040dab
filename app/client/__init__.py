"""A client for programs, typed: `from circumplex.client import Client`."""

from app.client.async_client import AsyncClient
from app.client.client import Client
from app.client.errors import ClientError, RefusedError, UnreachableError

__all__ = ["AsyncClient", "Client", "ClientError", "RefusedError", "UnreachableError"]
