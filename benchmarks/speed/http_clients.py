"""Compares httpx2 and aiohttp as the HTTP client of the providers' adapters.

    make bench-setup && .venv/bin/python benchmarks/speed/http_clients.py

64 threads, as many as the calls that run at once, each post a text and read 200 kB of audio from a server in its own
process on 127.0.0.1, which answers at once or after 200 ms. The threads call httpx2 directly; aiohttp runs in one event
loop, to which they submit their calls. Prints calls per second, processor time per call in the client, and the median
time of a call. Takes about a minute.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from statistics import median

import aiohttp
import httpx2

from benchmarks.machine import machine

AT_ONCE = 64
SECONDS = 5.0
AUDIO = bytes(200_000)
BODY = {"text": "The ferry leaves the island at seven in the morning."}

Call = Callable[[], int]


def main() -> None:
    print(machine())
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}"
    try:
        for wait in (0.0, 0.2):
            print(f"an answer after {wait:g} s")
            for name, opened in (("httpx2", _httpx2), ("aiohttp", _aiohttp)):
                call, close = opened(f"{url}/{wait}")
                print(f"  {name:8} {_measure(call)}", flush=True)
                close()
    finally:
        server.kill()


def _measure(call: Call) -> str:
    until = time.perf_counter() + SECONDS
    took: list[float] = []

    def work() -> None:
        while time.perf_counter() < until:
            start = time.perf_counter()
            if call() != len(AUDIO):
                raise RuntimeError("the answer was not whole")
            took.append(time.perf_counter() - start)

    call()
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for future in [threads.submit(work) for _ in range(AT_ONCE)]:
            future.result()
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (
        f"{len(took) / seconds:6.0f} calls/s   {1000 * processor / len(took):5.2f} ms of processor a call   "
        f"half within {1000 * median(took):4.0f} ms"
    )


def _httpx2(url: str) -> tuple[Call, Callable[[], None]]:
    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    client = httpx2.Client(limits=limits, timeout=30)

    def call() -> int:
        with client.stream("POST", url, json=BODY) as response:
            return sum(len(part) for part in response.iter_raw())

    return call, client.close


def _aiohttp(url: str) -> tuple[Call, Callable[[], None]]:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE))

    session = asyncio.run_coroutine_threadsafe(open_session(), loop).result()

    async def ask() -> int:
        async with session.post(url, json=BODY) as response:
            return sum([len(part) async for part in response.content.iter_any()])

    def close() -> None:
        asyncio.run_coroutine_threadsafe(session.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)

    return lambda: asyncio.run_coroutine_threadsafe(ask(), loop).result(), close


def _serve(address_pipe: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            wait = float(head.split(b" ")[1].lstrip(b"/"))
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            await asyncio.sleep(wait)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(AUDIO) + AUDIO)
            await writer.drain()

    async def run() -> None:
        def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            def ended(task: asyncio.Task[None]) -> None:
                task.exception()  # the client hung up; retrieved, so that asyncio does not print it
                writer.close()

            asyncio.ensure_future(answer(reader, writer)).add_done_callback(ended)

        server = await asyncio.start_server(quietly, "127.0.0.1", 0, backlog=2 * AT_ONCE)
        address_pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    main()
