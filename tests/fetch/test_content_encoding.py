"""Responses that a server compresses without being asked: they are decompressed within limits."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from tests.support.http_server import Serve, get, policy_for, refused, reply
from voxport.errors import SampleUnusable, TooLarge
from voxport.fetch.content_encoding import decoder_for

URL = "http://public.test/"
DATA = random.Random(1).randbytes(300_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = [
    ("gzip", gzip.compress(DATA)),
    ("GZIP", gzip.compress(DATA)),
    ("x-gzip", gzip.compress(DATA)),
    ("identity, gzip", gzip.compress(DATA)),
    ("aws-chunked,gzip", gzip.compress(DATA)),
    ("gzip", gzip.compress(DATA[:1000]) + gzip.compress(DATA[1000:])),
    ("gzip", gzip.compress(DATA) + bytes(100)),
    ("deflate", zlib.compress(DATA)),
    ("deflate", raw_deflate(DATA)),
    ("gzip", DATA),  # the header is wrong: the body is not compressed
    ("aws-chunked", DATA),
    ("identity", DATA),
    ("", DATA),
]


@pytest.mark.parametrize(("encoding", "body"), PACKED)
def test_what_comes_compressed_is_unpacked(serve: Serve, encoding: str, body: bytes) -> None:
    fetched, got = get(URL, policy_for(serve(reply(body, f"Content-Encoding: {encoding}"))))
    assert (got == DATA, fetched.size) == (True, len(DATA))


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_it_is_unpacked_the_same_however_it_arrives(size: int) -> None:
    for encoding, body in PACKED:
        decoder = decoder_for(encoding)
        pieces = [piece for at in range(0, len(body), size) for piece in decoder.decode(body[at : at + size])]
        assert b"".join([*pieces, *decoder.flush()]) == DATA


def test_much_that_comes_of_little_is_whole() -> None:
    data = bytes(10_000_000)
    decoder = decoder_for("gzip")
    assert b"".join([*decoder.decode(gzip.compress(data)), *decoder.flush()]) == data


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip", "<b>", "x" * 5_000])
def test_a_compression_that_is_not_undone_is_told(serve: Serve, encoding: str) -> None:
    with pytest.raises(SampleUnusable) as caught:
        get(URL, policy_for(serve(reply(DATA, f"Content-Encoding: {encoding}"))))
    assert caught.value.details == {"reason": "unsupported_encoding"}
    assert ("(br)" in caught.value.message) == (encoding == "br")
    assert "<b>" not in caught.value.message


@pytest.mark.parametrize("levels", [1, 2])
def test_a_bomb_is_refused(serve: Serve, levels: int) -> None:
    packed = gzip.compress(bytes(60_000_000)) * levels
    server = serve(reply(packed, "Content-Encoding: gzip"))
    refused(URL, policy_for(server, max_bytes=1_000_000_000))


def test_what_unpacks_to_more_than_the_limit_is_too_large(serve: Serve) -> None:
    with pytest.raises(TooLarge):
        get(URL, policy_for(serve(reply(gzip.compress(bytes(1_000_001)), "Content-Encoding: gzip"))))


@pytest.mark.parametrize("body", [gzip.compress(DATA)[:-20], gzip.compress(DATA)[:50_000] + bytes(9_000), b"\x1f\x8b"])
def test_what_is_damaged_is_refused(serve: Serve, body: bytes) -> None:
    refused(URL, policy_for(serve(reply(body, "Content-Encoding: gzip"))))


def test_thousands_of_empty_members_are_refused(serve: Serve) -> None:
    refused(URL, policy_for(serve(reply(gzip.compress(b"") * 5_000, "Content-Encoding: gzip"))))


def test_an_empty_body_is_an_empty_file(serve: Serve) -> None:
    assert get(URL, policy_for(serve(reply(b"", "Content-Encoding: gzip"))))[1] == b""
