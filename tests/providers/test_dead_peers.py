"""Connections to providers that the network has cut off."""

from __future__ import annotations

import socket
import threading

import pytest

from voxport.providers.bounded_network import UNACKNOWLEDGED_SECONDS, bounded_pool

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has this timeout")


def test_the_kernel_gives_up_what_a_provider_has_not_acknowledged() -> None:
    is_read = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
                is_read.wait(30)
                connection.sendall(b".")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with bounded_pool(max_connections=1, keepalive_seconds=1) as pool, pool.stream("GET", url) as got:
            connected = got.extensions["network_stream"].get_extra_info("socket")
            timeout = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            is_read.set()
            got.read()
        thread.join()
    assert timeout == UNACKNOWLEDGED_SECONDS * 1000
