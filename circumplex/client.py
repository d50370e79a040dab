"""The client under the name of the package: `from circumplex.client import Client`."""

from app.client import AsyncClient, Client, ClientError, RefusedError, UnreachableError

__all__ = ["AsyncClient", "Client", "ClientError", "RefusedError", "UnreachableError"]
