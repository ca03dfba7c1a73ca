"""The data of `ssrf.py`: URLs with which an attacker would make the gateway request what only the gateway can reach.

Names under `.test` exist only in the resolver of `hostile_net.py`, which answers as `NAMES` says. It resolves unknown
names to an ordinary host of the internet, so that no URL is refused merely because its name does not resolve.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

OUTSIDE_V4 = "93.184.216.34"
OUTSIDE_V6 = "2606:2800:220:1:248:1893:25c8:1946"
"""The two addresses that may be dialled; both lead to a server on loopback that stands for the internet."""


@dataclass(frozen=True)
class Hostile:
    group: str
    url: str


def corpus() -> list[Hostile]:
    """Return every URL once, in the order of the groups."""
    found: dict[str, Hostile] = {}
    for group, urls in _groups():
        for url in urls:
            found.setdefault(url, Hostile(group, url))
    return list(found.values())


# Tried in each notation: loopback, each private network, the clouds' metadata address, and carrier-grade NAT.
_NOTED = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.100.100.200")
# Tried in plain notation only: one or two addresses of each special-purpose block.
_RESERVED = (
    *("0.0.0.0", "0.1.2.3", "127.255.255.254", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.255.254"),
    *("169.254.0.23", "169.254.170.2", "100.64.0.1", "100.127.255.254", "192.0.0.8", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "168.63.129.16"),
)
_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
_ENCLOSED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")


def _notations(address: str) -> Iterator[str]:
    """Yield the spellings that some parser or resolver reads as this IPv4 address."""
    number = int(ipaddress.IPv4Address(address))
    a, b, c, d = (int(part) for part in address.split("."))
    yield from (address, f"{address}.", f"{address}..", f"{number}", f"{number}.", f"0x{number:x}", f"0X{number:08X}")
    yield from (f"0{number:o}", f"000000{number:o}", f"{number + 2**32}", f"0x1{number:08x}")
    yield from (f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a:04}.{b:04}.{c:04}.{d:04}")
    yield from (f"{a}.{(b << 16) + (c << 8) + d}", f"{a}.{b}.{(c << 8) + d}", f"{a}.0x{(b << 16) + (c << 8) + d:x}")
    yield from (f"0x{a:x}.0{b:o}.{c}.{d}", f"{a + 256}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d + 256}")
    yield from (address.translate(_FULL_WIDTH), address.translate(_ENCLOSED), address.replace(".", "。"))
    yield from (address.replace(".", "｡"), address.replace(".", "%2e"), address.replace(str(a), f"%3{str(a)[0]}", 1))


def _embedded(address: str) -> Iterator[str]:
    """Yield the IPv6 addresses that lead to an IPv4 address, by mapping or by a translator."""
    number = int(ipaddress.IPv4Address(address))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    yield from (f"::ffff:{address}", f"::ffff:{high}:{low}", f"0:0:0:0:0:FFFF:{high}:{low}".upper())
    yield from (f"::{address}", f"::{high}:{low}", f"::ffff:0:{high}:{low}")
    yield from (f"64:ff9b::{address}", f"64:ff9b::{high}:{low}", f"64:ff9b:1::{high}:{low}")
    yield from (f"2002:{high}:{low}::", f"2002:{high}:{low}::1", f"2001:0:5ef5:79fd:0:0:{high}:{low}")
    yield from (f"2001:0:{high}:{low}::", f"fe80::5efe:{high}:{low}")


_V6 = (
    *("::", "::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0", "::2"),
    *("fe80::1", "FE80::1", "febf::1", "fec0::1", "feff::1", "fc00::1", "fd00::1", "FD00:EC2::254", "fd00:ec2::23"),
    *("ff02::1", "ff0e::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "2001:2::1", "2001:10::1"),
    *("fe80::1%25eth0", "fe80::1%eth0", "::1%25lo", "::1%lo", "fd20:ce::254"),
)

_LOCAL_NAMES = (
    *("localhost", "LOCALHOST", "LocalHost.", "localhost..", "a.localhost", "localhost.localdomain", "localhost6"),
    *("ip6-localhost", "ip6-loopback", "printer.local", "minio", "redis", "postgres", "router.home.arpa", "intranet"),
    *("service.internal", "db.corp.internal", "host.docker.internal", "gateway.docker.internal"),
    *("kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "consul.service.consul", "vault.service.lan"),
)
_METADATA = (
    *("http://169.254.169.254/latest/meta-data/iam/security-credentials/", "http://169.254.169.254:80/"),
    *("http://169.254.170.2/v2/credentials/", "http://100.100.100.200/latest/meta-data/", "http://192.0.0.192/"),
    *("http://metadata.google.internal/computeMetadata/v1/", "http://metadata/computeMetadata/v1/"),
    *("http://METADATA.GOOGLE.INTERNAL./", "http://metadata.goog/computeMetadata/v1/", "http://instance-data/latest/"),
    *("http://instance-data.ec2.internal/latest/", "http://metadata.tencentyun.com/latest/meta-data/"),
    *("http://rancher-metadata/latest/", "http://metadata.azure.internal/", "http://168.63.129.16/machine/"),
    *("http://[fd00:ec2::254]/latest/meta-data/", "http://[fd20:ce::254]/computeMetadata/v1/"),
    *("http://169.254.169.254.nip.io/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/"),
    *(
        "http://2852039166/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://169.254.43518/",
        "http://0251.0376.0251.0376/",
    ),
)

# The resolver's answers to the first, second, … question for a name; the last answer is repeated.
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "loopback.test": (("127.0.0.1",),),
    "loopback6.test": (("::1",),),
    "any.test": (("0.0.0.0",),),
    "any6.test": (("::",),),
    "private.test": (("10.0.0.5",),),
    "private172.test": (("172.20.0.5",),),
    "private192.test": (("192.168.0.5",),),
    "carrier.test": (("100.64.0.5",),),
    "link.test": (("169.254.169.254",),),
    "multicast.test": (("224.0.0.251",),),
    "broadcast.test": (("255.255.255.255",),),
    "bench.test": (("198.18.0.5",),),
    "documentation.test": (("203.0.113.5",),),
    "mapped.test": (("::ffff:127.0.0.1",),),
    "compatible.test": (("::127.0.0.1",),),
    "nat64.test": (("64:ff9b::a00:1",),),
    "sixtofour.test": (("2002:a00:1::1",),),
    "teredo.test": (("2001:0:5ef5:79fd::1",),),
    "unique.test": (("fd00::5",),),
    "site.test": (("fec0::5",),),
    "zone.test": (("fe80::1%eth0",),),
    "nonsense.test": (("not an address",),),
    "hostname.test": (("localhost",),),
    "empty.test": ((),),
    "mixed.test": ((OUTSIDE_V4, "10.0.0.5"),),
    "mixed-first.test": (("10.0.0.5", OUTSIDE_V4),),
    "mixed6.test": ((OUTSIDE_V4, OUTSIDE_V6, "::1"),),
    "mixed-mapped.test": ((OUTSIDE_V6, "::ffff:169.254.169.254"),),
    "many.test": ((*(OUTSIDE_V4,) * 60, "127.0.0.1"),),
    # Rebinding: the answers change between public and internal addresses.
    "rebinding.test": ((OUTSIDE_V4,), ("127.0.0.1",)),
    "rebinding6.test": ((OUTSIDE_V6,), ("::1",)),
    "rebinding-late.test": ((OUTSIDE_V4,), (OUTSIDE_V4,), ("169.254.169.254",)),
    "rebinding-mixed.test": ((OUTSIDE_V4,), (OUTSIDE_V4, "10.0.0.5")),
    "rebinding-back.test": (("127.0.0.1",), (OUTSIDE_V4,)),
    # For a chain of aliases, the system's resolver returns the addresses of the last one.
    "alias-of-localhost.test": (("127.0.0.1", "::1"),),
    "alias-of-metadata.test": (("169.254.169.254", "fd00:ec2::254"),),
    "alias-of-minio.test": (("10.0.12.7",),),
    "cdn-alias-of-private.test": ((OUTSIDE_V4, OUTSIDE_V6, "192.168.7.7"),),
    "metadata.goog": (("169.254.169.254",),),
    "metadata.tencentyun.com": (("169.254.0.23",),),
    "consul.service.consul": (("10.0.0.9",),),
    "vault.service.lan": (("10.0.0.9",),),
    "kubernetes.default.svc": (("10.96.0.1",),),
    # The gateway's own public name, as its machine may resolve it.
    "voices.example.com": (("127.0.0.1",),),
}
_RESOLVING = tuple(name for name in NAMES if name.endswith(".test") and "rebinding" not in name)
_WILDCARD = (
    *("127.0.0.1.nip.io", "127-0-0-1.nip.io", "7f000001.nip.io", "a.127.0.0.1.nip.io", "10.0.0.1.nip.io"),
    *("169-254-169-254.sslip.io", "192.168.1.1.sslip.io", "--1.sslip.io", "127.0.0.1.xip.io", "localtest.me"),
    *("a.lvh.me", "vcap.me", "spoofed.burpcollaborator.net", "LOCALTEST.ME.", "www.10.0.0.1.nip.io"),
)

_SCHEMES = (
    *("file:///etc/passwd", "FILE:///etc/passwd", "file://localhost/etc/passwd", "file://127.0.0.1/etc/passwd"),
    *("file:/etc/passwd", "file:etc/passwd", "file://public.test/etc/passwd", "ftp://public.test/a.wav"),
    *(
        "ftps://public.test/a.wav",
        "sftp://public.test/a.wav",
        "tftp://public.test:69/a",
        "gopher://127.0.0.1:6379/_INFO",
    ),
    *("gopher://public.test/", "dict://127.0.0.1:11211/stat", "ldap://127.0.0.1/dc=x", "ldaps://public.test/"),
    *(
        "smb://public.test/share",
        "telnet://127.0.0.1:25/",
        "ssh://public.test/",
        "git://public.test/r",
        "imap://a.test/",
    ),
    *("data:audio/wav;base64,UklGRg==", "data:,x", "jar:http://public.test/a.jar!/a", "netdoc:///etc/passwd"),
    *("javascript:alert(1)", "blob:http://public.test/1", "about:blank", "view-source:http://127.0.0.1/"),
    *(
        "ws://public.test/",
        "wss://public.test/",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    ),
    *(
        "concat:/etc/passwd",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "pipe:0",
        "rtmp://public.test/a",
        "rtsp://public.test/a",
    ),
    *("s3://bucket/key", "gs://bucket/key", "php://filter/resource=/etc/passwd", "expect://id", "phar://a.phar"),
    *("//public.test/a.wav", "public.test/a.wav", "/etc/passwd", "../../etc/passwd", "http:", "http:/", "http://"),
    *(
        "http:///a.wav",
        "http:127.0.0.1",
        "http:/127.0.0.1/",
        "https://?x",
        "https://#x",
        "://public.test/",
        "http;//a.test/",
    ),
    *("url:http://127.0.0.1/", "feed:http://127.0.0.1/", "h\u200bttp://127.0.0.1/", "ｈｔｔｐ://127.0.0.1/", " "),
)
_TRICKS = (
    # user information, and lookalikes of it
    *(
        "http://public.test@127.0.0.1/",
        "http://127.0.0.1@public.test/",
        "http://user:pw@public.test/",
        "http://@public.test/",
    ),
    *(
        "http://public.test:80@127.0.0.1/",
        "http://public.test%40127.0.0.1/",
        "http://:@127.0.0.1/",
        "http://a@b@127.0.0.1/",
    ),
    *("http://127.0.0.1:80\\@public.test/", "http://public.test\\@127.0.0.1/", "http://127.0.0.1\\.public.test/"),
    *(
        "http:\\\\127.0.0.1\\",
        "http:/\\127.0.0.1/",
        "http://public.test/\\\\127.0.0.1/",
        "http://public.test\\127.0.0.1/",
    ),
    # the end of the host
    *("http://127.0.0.1#@public.test/", "http://127.0.0.1?@public.test/", "http://127.0.0.1/@public.test"),
    *("http://public.test#@127.0.0.1/", "http://public.test?@127.0.0.1/", "http://127.0.0.1;public.test/"),
    *("http://127.0.0.1,public.test/", "http://127.0.0.1&@public.test/", "http://127.0.0.1%23@public.test/"),
    *("http://127.0.0.1%2f@public.test/", "http://127.0.0.1%00.public.test/", "http://127.0.0.1%20.public.test/"),
    *("http://127.0.0.1%0d%0aHost:%20public.test/", "http://public.test%252f@127.0.0.1/", "http://[127.0.0.1]/"),
    *("http://[::1", "http://::1/", "http://[::1]public.test/", "http://public.test[::1]/", "http://[v1.127.0.0.1]/"),
    *("http://[::1]:80:80/", "http://[]/", "http://[::1%25]/", "http://[0:0:0:0:0:0:0:0:1]/", "http://[:::1]/"),
    # percent-encoding and homographs of the host
    *(
        "http://%31%32%37.0.0.1/",
        "http://127%2e0%2e0%2e1/",
        "http://%6c%6f%63%61%6c%68%6f%73%74/",
        "http://loc%61lhost/",
    ),
    *("http://%2531%2532%2537.0.0.1/", "http://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1/", "http://loc\u00adalhost/"),
    *("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://ｌｏｃａｌｈｏｓｔ/", "http://localho\u017ft/", "http://loca\u200blhost/"),
    *("http://loca\u2060lhost/", "http://localhost\u3002/", "http://metadata。google。internal/", "http://𝟭𝟮𝟳.𝟬.𝟬.𝟭/"),
    *(
        "http://127\u30020\u30020\u30021/",
        "http://127．0．0．1/",
        "http://\u0661\u0662\u0667.0.0.1/",
        "http://١٢٧.٠.٠.١/",
    ),
    *("http://xn--/", "http://xn--localhost-.test/", "http://xn--ls8h\u00ad/", "http://a\u202e.test/"),
    *("http://₁₂₇.₀.₀.₁/", "http://¹²⁷.0.0.1/", "http://1²7.0.0.1/", "http://ℓocalhost/", "http://㏂/"),
    # whitespace, control characters, injected headers
    *(" http://127.0.0.1/", "http://127.0.0.1 /", "http://public test/", "http://\t127.0.0.1/", "http://127.0.0.1\t/"),
    *("http://public.test/\r\nX-Injected: 1", "http://public.test/%0d%0aX", "http://public.test\r\n.127.0.0.1/"),
    *("http://public.test/\n", "\nhttp://127.0.0.1/", "http://public.test/\x00", "http://127.0.0.1\x00.public.test/"),
    *(
        "http://public.test/\x7f",
        "http://public.test/\x1f",
        "http://public.test/\x85",
        "\ufeffhttp://127.0.0.1/",
        "\u3000",
    ),
    *("ht\ntp://127.0.0.1/", "ht\ttp://127.0.0.1/", "http\r://127.0.0.1/", "http://127.0.\u20280.1/", "http://\u00a0/"),
    # ports
    *("http://public.test:22/", "http://public.test:25/", "http://public.test:2375/", "http://public.test:6379/"),
    *("http://public.test:11211/", "http://public.test:8000/", "http://public.test:0/", "http://public.test:65536/"),
    *(
        "http://public.test:99999999999999999999/",
        "http://public.test:-1/",
        "http://public.test:+80/",
        "http://public.test:8 0/",
    ),
    *("http://public.test:http/", "http://public.test:０/", "http://public.test:0x50/", "http://127.0.0.1:80:443/"),
    *("http://127.0.0.1:00080/", "http://localhost:443/", "https://127.0.0.1:80/", "http://public.test:80 @127.0.0.1/"),
    # dots
    *("http://./", "http://../", "http://.../", "http://.localhost/", "http://localhost.%2e/", "http://127.0.0.1.%2e/"),
    *("http://.127.0.0.1/", "http://127..1/", "http://1.2.3.4.5/", "http://0x/", "http://0x.0x.0/", "http://08.0.0.1/"),
    *(
        "http://127.0.0.09/",
        "http://00000000000127.0.0.1/",
        "http://1.1.1.1.256/",
        "http://*/",
        "http://-/",
        "http://$/",
    ),
)
_HUGE = (
    *("http://public.test/" + "a" * 8_192, "http://" + "a" * 9_000 + ".test/", "http://" + "1" * 5_000 + "/"),
    *("http://127.0.0.1/" + "?" * 9_000, "http://" + "0" * 8_000 + "127.0.0.1/", "http://[" + ":" * 5_000 + "]/"),
    *(
        "http://" + "a." * 4_000 + "test/",
        "http://public.test/" + "é" * 100_000,
        "http://" + "@" * 100_000 + "127.0.0.1/",
    ),
)

# Targets to which the internet's server redirects, under /to/NUMBER; also tried directly if hostile by themselves.
LOCATIONS = (
    *("http://127.0.0.1/", "http://127.0.0.1:80/a", "http://127.1/", "http://2130706433/", "http://0x7f000001/"),
    *("http://0177.0.0.1/", "http://0/", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/"),
    *("http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/", "http://[::1]/", "http://[::]/"),
    *("http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[fd00::1]/", "http://[fe80::1%25eth0]/"),
    *("//127.0.0.1/", "//localhost/", "///127.0.0.1/", "/\\127.0.0.1/", "\\\\127.0.0.1\\", "http:127.0.0.1"),
    *(
        "http://localhost/",
        "http://metadata.google.internal/",
        "http://minio/",
        "http://loopback.test/",
        "http://link.test/",
    ),
    *("http://mixed.test/", "http://127.0.0.1.nip.io/", "http://localtest.me/", "http://voices.example.com/v1/jobs"),
    *(
        "http://user@public.test/",
        "http://public.test@127.0.0.1/",
        "http://public.test:22/",
        "http://public.test:6379/",
    ),
    *("file:///etc/passwd", "ftp://public.test/a", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stat"),
    *("data:audio/wav;base64,AAAA", "javascript:alert(1)", "http://[::1", "http://", "http:///", "", " ", "#"),
    *("http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://127.0.0.1%2f@public.test/", "http://127.0.0.1\t/"),
    *("?" * 9_000, "http://rebinding.test/", "http://public.test:99999/", "https://127.0.0.1/", "https://[::1]/"),
)
# Paths of the internet's server with other answers than a plain redirect.
_ANSWERS = (
    *("/loop", "/loop/two", "/chain/4", "/chain/50", "/chain/100000", "/twice", "/folded", "/refresh", "/use-proxy"),
    *("/choices", "/not-modified", "/authenticate", "/alt-svc", "/switch", "/early-hints", "/no-location", "/http09"),
)


def _groups() -> Iterator[tuple[str, list[str]]]:
    for address in _NOTED:
        yield f"{address} in every notation", [f"http://{host}/" for host in _notations(address)]
    yield "reserved IPv4", [f"http://{address}/a.wav" for address in _RESERVED]
    yield "IPv6", [f"http://[{address}]/" for address in _V6]
    embedded = [f"http://[{host}]/" for address in _NOTED[:3] for host in _embedded(address)]
    yield "IPv4 inside of IPv6", embedded
    yield "local names", [f"http://{name}/" for name in _LOCAL_NAMES]
    yield "cloud metadata", list(_METADATA)
    yield "names that resolve inside", [f"http://{name}/a.wav" for name in _RESOLVING]
    yield "rebinding", [f"http://{name}/again/3" for name in NAMES if name.startswith("rebinding")]
    yield "wildcard names", [f"http://{name}/" for name in _WILDCARD]
    yield "redirects", [f"http://public.test/to/{number}" for number in range(len(LOCATIONS))]
    yield "redirects by every status", [f"http://public.test/status/{s}" for s in (300, 301, 302, 303, 305, 307, 308)]
    yield "loops, chains and odd answers", [f"http://public.test{path}" for path in _ANSWERS]
    yield "from https to http", [f"https://secure.test/{path}" for path in ("down", "down/local", "certificate")]
    yield "another name's certificate", ["https://other.test/", f"https://{OUTSIDE_V4}/", f"https://[{OUTSIDE_V6}]/"]
    yield "schemes", list(_SCHEMES)
    yield "parsers that disagree", list(_TRICKS)
    yield "huge", list(_HUGE)
