"""Starting a server while another one on the same data folder is shutting down."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from tests.support.server import wait_until
from voxport.cli.local_gateway import ADDRESS_FILE, running_address
from voxport.cli.serve import _acquire_serve_lock, _announce_ending, _listen, _write_address
from voxport.errors import Invalid
from voxport.testing.running_gateway import running_command, running_gateway


def test_one_that_is_ending_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = _acquire_serve_lock(tmp_path)
    _announce_ending(first, tmp_path)
    ending = threading.Timer(0.3, os.close, [first])
    ending.start()
    second = _acquire_serve_lock(tmp_path)
    ending.join()
    output = capsys.readouterr().err
    assert output.count("Waiting up to 60 s") == 1
    assert str(tmp_path) in output
    with pytest.raises(Invalid, match="--no-worker"):
        _acquire_serve_lock(tmp_path)  # the new server is not shutting down
    os.close(second)


def test_one_that_does_not_end_is_not_waited_for_forever(tmp_path: Path) -> None:
    first = _acquire_serve_lock(tmp_path)
    _announce_ending(first, tmp_path)
    with pytest.raises(Invalid, match="--no-worker"):
        _acquire_serve_lock(tmp_path, max_wait_seconds=0.2)
    os.close(first)


def test_what_one_said_that_was_killed_while_ending_is_not_believed_of_the_next(tmp_path: Path) -> None:
    first = _acquire_serve_lock(tmp_path)
    _announce_ending(first, tmp_path)
    os.close(first)
    second = _acquire_serve_lock(tmp_path)
    with pytest.raises(Invalid, match="--no-worker"):
        _acquire_serve_lock(tmp_path)
    os.close(second)


def test_no_other_program_can_listen_at_the_address_before_the_server_does() -> None:
    with _listen("127.0.0.1", 0) as listener, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(listener.getsockname())


def test_commands_believe_the_address_only_of_a_server_that_listens(tmp_path: Path) -> None:
    address = tmp_path / ADDRESS_FILE
    address.write_text("http://127.0.0.1:1\n")  # of a server that was killed
    assert running_address(tmp_path) is None
    lock = _acquire_serve_lock(tmp_path)
    assert running_address(tmp_path) is None, "it does not listen yet"
    _write_address(address, "http://127.0.0.1:2")
    assert running_address(tmp_path) == "http://127.0.0.1:2"
    _announce_ending(lock, tmp_path)
    address.write_text("http://127.0.0.1:2\n")  # the folder did not let it be removed
    assert running_address(tmp_path) is None, "it is ending"
    os.close(lock)


@pytest.mark.slow
@pytest.mark.folder_only("an upload that the gateway itself receives")
def test_a_server_takes_over_from_one_that_drains(tmp_path: Path) -> None:
    with running_gateway(tmp_path, ready=False) as first, first.client() as client:
        body = {"media_type": "audio", "filename": "a.wav", "content_type": "audio/wav", "size_bytes": 4}
        url = client.post("/v1/proxy/upload-media", json=body).json()["data"]["upload_url"]
        host, port, path = (
            first.url.split("/")[2].split(":")[0],
            int(first.url.rsplit(":", 1)[1]),
            url[len(first.url) :],
        )
        with socket.create_connection((host, port), 20) as upload:
            head = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: audio/wav\r\nContent-Length: 4\r\n\r\n"
            upload.sendall(head.encode() + b"RI")
            incoming = first.data_dir / "files" / ".incoming"
            wait_until(lambda: any(incoming.glob("*")), seconds=20, what="the upload")
            first.process.terminate()
            wait_until(
                lambda: (first.data_dir / "serve.lock").read_bytes() == b"ending", seconds=20, what="the end's begin"
            )
            out, err = tmp_path / "second.out", tmp_path / "second.err"
            command = ["serve", "--port", "0", "--data-dir", str(first.data_dir)]
            with running_command(command, tmp_path, out, err) as second:
                wait_until(lambda: "Waiting up to" in err.read_text(), seconds=20, what="the wait")
                assert second.poll() is None
                upload.sendall(b"FF")
                assert b" 200 " in upload.recv(65_536)
                upload.close()
                wait_until(lambda: "listens on" in err.read_text(), seconds=60, what="the second server")
        assert first.process.wait(20) == 0
