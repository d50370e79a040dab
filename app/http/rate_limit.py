"""How often each client may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict

from app.errors import RateLimitedError

MAX_CLIENTS = 10_000  # clients remembered


class RateLimit:
    """A bucket of requests for each client, refilled steadily; used from the event loop alone."""

    def __init__(self, requests_per_minute: int) -> None:
        """Allow `requests_per_minute` requests, as many at once; 0 allows any number."""
        self._size = float(requests_per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now_s: float | None = None) -> None:
        """Count one request of `client`.

        Raises:
            RateLimitedError: The bucket is empty.
        """
        if not self._size:
            return
        now_s = time.monotonic() if now_s is None else now_s
        left, then_s = self._buckets.pop(client, (self._size, now_s))
        left = min(self._size, left + (now_s - then_s) * self._size / 60.0)
        allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if allowed else left, now_s)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1.0 - left) * 60.0 / self._size)
            raise RateLimitedError(
                f"more than {self._size:.0f} requests a minute; try again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )
