"""URLs that are refused by their text alone, without a lookup."""

from __future__ import annotations

import pytest

from voxport.errors import AudioUrlUnusable
from voxport.fetch.addresses import is_public
from voxport.fetch.client import FetchPolicy, precheck_url


def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"asked for {host}")


POLICY = FetchPolicy(max_bytes=1, timeout_seconds=1, resolver=never)

HOSTILE = [
    # schemes
    "file:///etc/passwd",
    "data:audio/wav;base64,UklGRg==",
    "ftp://public.test/a.wav",
    "gopher://public.test/",
    "javascript:alert(1)",
    "//public.test/a.wav",
    "public.test/a.wav",
    "",
    "http:",
    "http://",
    "http:///a.wav",
    "http:public.test",
    "https://?x",
    # this machine and this network, by name
    "http://localhost/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://localhost.localdomain/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://printer.local/",
    "http://minio/",
    # this machine and this network, by address
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://192.0.0.8/",
    "http://192.88.99.1/",
    "http://168.63.129.16/metadata/",
    "http://198.18.0.1/",
    "http://256.0.0.1/",
    "http://4294967297/",
    "http://1.2.3.4.5/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:93.184.216.34]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[::1",
    # tricks with the host part
    "http://public.test@127.0.0.1/",
    "http://127.0.0.1@public.test/",
    "http://user:pw@public.test/",
    "http://@public.test/",
    "http://public.test\\@127.0.0.1/",
    "http://127.0.0.1\\.public.test/",
    "http://127.0.0.1#.public.test/",
    "http://127.0.0.1%00.public.test/",
    "http://%31%32%37.0.0.1/",
    "http://127。0。0。1/",
    "http://①②⑦.0.0.1/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://loc\u00adalhost/",
    "http://public test/",
    " http://public.test/",
    "http://public.test/\r\nX-Injected: 1",
    "http://public.test/\x00",
    "http://public.test/\t",
    "http://\ud800.test/",
    # ports
    "http://public.test:22/",
    "http://public.test:6379/",
    "http://public.test:0/",
    "http://public.test:99999/",
    "http://public.test:-1/",
    "http://public.test:http/",
    # length
    "http://public.test/" + "a" * 8_192,
]


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: ascii(url)[1:48])
def test_hostile_urls_are_refused_without_the_network(url: str) -> None:
    with pytest.raises(AudioUrlUnusable) as caught:
        precheck_url(url, POLICY)
    assert caught.value.message == AudioUrlUnusable.TEXT


@pytest.mark.parametrize(
    "url",
    [
        "http://public.test/a.wav",
        "https://public.test/a.wav?X-Amz-Signature=a%2Fb&x=y#part",
        "HTTPS://PUBLIC.TEST:443/",
        "http://public.test:80/",
        "https://bücher.example/ä b.wav",
        "https://a_b.example.com./",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/a",
        "https://public.test/user@home.wav",
        "https://public.test/" + "a" * 8_000,
    ],
    ids=lambda url: ascii(url)[1:48],
)
def test_ordinary_urls_pass(url: str) -> None:
    precheck_url(url, POLICY)


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("http://127.0.0.1:9000/a", "127.0.0.1:9000"),
        ("http://127.0.0.1:9000/a", "127.0.0.1"),
        ("http://minio:9000/a", "minio:9000"),
        ("http://[::1]:9000/a", "[::1]:9000"),
        ("http://localhost/a", "localhost:80"),
    ],
)
def test_listed_private_hosts_pass(url: str, listed: str) -> None:
    precheck_url(url, FetchPolicy(1, 1, private_hosts=frozenset({listed}), resolver=never))
    with pytest.raises(AudioUrlUnusable):
        precheck_url(url, POLICY)


@pytest.mark.parametrize(
    "url",
    ["http://0x7f.1:9000/", "http://127.0.0.1:9001/", "http://user@127.0.0.1:9000/", "file://127.0.0.1/"],
)
def test_a_listed_host_opens_nothing_else(url: str) -> None:
    with pytest.raises(AudioUrlUnusable):
        precheck_url(url, FetchPolicy(1, 1, private_hosts=frozenset({"127.0.0.1:9000"}), resolver=never))


def test_http_can_be_switched_off() -> None:
    strict = FetchPolicy(1, 1, allow_http=False, resolver=never)
    precheck_url("https://public.test/", strict)
    with pytest.raises(AudioUrlUnusable):
        precheck_url("http://public.test/", strict)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)
