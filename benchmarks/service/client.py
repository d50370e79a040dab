"""A client that asks at given times, whether or not it was answered, and costs little itself.

One thread, plain sockets that stay open, requests made ahead as bytes: the load comes from the
same machine, so what the client takes the service lacks. A request that finds every connection
busy opens another one, up to 500; time counts from when a request was due, also where it waited.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NO_ANSWER = 0  # counted as a status: the connection broke, or nothing came in time
RESULT_TIMEOUT_S = 30.0
KEEP_ALIVE_S = 15.0  # half of what the service keeps a resting connection open
MOST_CONNECTIONS = 500  # `select` takes 1024 files
_CHUNK = 1 << 16


@dataclass
class Answers:
    """What came back.

    Attributes:
        statuses: How many requests ended with each status; 0 without an answer.
        latency_ms: From the due time to the whole answer, in order of arrival.
        due_s: When each of these was due, seconds after the start.
        late_ms: How late each request left the client.
        took_s: From the start to the last answer.
        client_cpu_s: Processor time the client used.
        connections: How many were open at the end.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    latency_ms: list[float] = field(default_factory=list)
    due_s: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    took_s: float = 0.0
    client_cpu_s: float = 0.0
    connections: int = 0

    def count(self, status: int, due_s: float, now_s: float) -> None:
        """One request has ended."""
        self.statuses[status] += 1
        self.due_s.append(due_s)
        self.latency_ms.append((now_s - due_s) * 1000)


class _Connection:
    """One connection and the request on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=RESULT_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_s = self.rests_since_s = 0.0
        self._received = bytearray()
        self._length = -1

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self, request: bytes, due_s: float) -> None:
        self.due_s = due_s
        self._received.clear()
        self._length = -1
        self.socket.sendall(request)

    def status(self) -> int | None:
        """The status once the whole answer is there, None before.

        Raises:
            OSError: The connection broke.
        """
        chunk = self.socket.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError
        self._received += chunk
        if self._length < 0:
            head, found, _ = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return None
            lowered = head.lower()
            start = lowered.index(b"content-length:") + 15
            length = int(lowered[start:].split(b"\r\n", 1)[0])
            self._length = len(head) + 4 + length
        return int(self._received[9:12]) if len(self._received) >= self._length else None


def playlist_request(body: dict[str, Any], port: int) -> bytes:
    """`POST /v1/playlists` as bytes."""
    content = json.dumps(body).encode()
    head = (
        f"POST /v1/playlists HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def arrivals_s(rate: float, seconds: float, *, steady: bool = False, seed: int = 0) -> list[float]:
    """When requests are due: a Poisson process of `rate` a second, or evenly spaced ones."""
    count = round(rate * seconds)
    if steady:
        return (np.arange(count) / rate).tolist()
    gaps = np.random.default_rng(seed).exponential(1.0 / rate, count)
    return np.cumsum(gaps).tolist()


def send(port: int, requests: Sequence[bytes], due_s: Sequence[float]) -> Answers:
    """Send each request when it is due; returns when all are answered or given up."""
    answers, idle, busy = Answers(), list[_Connection](), list[_Connection]()
    started_cpu_s, start_s, asked = time.thread_time(), time.perf_counter() + 0.05, 0
    while asked < len(requests) or busy:
        now_s = time.perf_counter() - start_s
        free = MOST_CONNECTIONS - len(busy)
        while asked < len(requests) and due_s[asked] <= now_s and free > 0:
            free -= 1
            answers.late_ms.append((time.perf_counter() - start_s - due_s[asked]) * 1000)
            _ask(port, requests[asked], due_s[asked], answers, idle, busy)
            asked += 1
        more = asked < len(requests) and free > 0
        wait_s = due_s[asked] - now_s if more else RESULT_TIMEOUT_S if busy else 0.0
        ready, _, _ = select.select(busy, [], [], max(0.0, wait_s))
        for connection in ready:
            _take(connection, answers, idle, busy, start_s)
        _give_up(answers, busy, time.perf_counter() - start_s)
    answers.took_s = time.perf_counter() - start_s
    answers.client_cpu_s = time.thread_time() - started_cpu_s
    answers.connections = len(idle)
    for connection in idle:
        connection.socket.close()
    return answers


def _ask(
    port: int,
    request: bytes,
    due_s: float,
    answers: Answers,
    idle: list[_Connection],
    busy: list[_Connection],
) -> None:
    """Send on a connection that is free, or on a new one."""
    while idle and time.perf_counter() - idle[0].rests_since_s > KEEP_ALIVE_S:
        idle.pop(0).socket.close()  # the service closes it soon
    for _ in range(2):
        try:
            connection = idle.pop() if idle else _Connection(port)
            connection.ask(request, due_s)
        except OSError:
            continue
        busy.append(connection)
        return
    answers.count(NO_ANSWER, due_s, due_s)


def _take(
    connection: _Connection,
    answers: Answers,
    idle: list[_Connection],
    busy: list[_Connection],
    start_s: float,
) -> None:
    try:
        status = connection.status()
    except OSError:
        status = NO_ANSWER
    if status is None:
        return
    busy.remove(connection)
    if status != NO_ANSWER:
        connection.rests_since_s = time.perf_counter()
        idle.append(connection)
    answers.count(status, connection.due_s, time.perf_counter() - start_s)


def _give_up(answers: Answers, busy: list[_Connection], now_s: float) -> None:
    """Count what was not answered in time."""
    while busy and now_s - busy[0].due_s > RESULT_TIMEOUT_S:
        connection = busy.pop(0)
        connection.socket.close()
        answers.count(NO_ANSWER, connection.due_s, now_s)
