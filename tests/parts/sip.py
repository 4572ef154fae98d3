"""SIP messages as data: read, written, signed. What a phone needs of RFC 3261 and 2617, and no more."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field


@dataclass
class Message:
    """One request or response. ``start`` is its first line; header names are compared without case."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0")

    @property
    def method(self) -> str:
        """Of a request its method, of a response the method that it answers."""
        return self.start.split(" ", 1)[0] if self.is_request else self["CSeq"].split()[1]

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split(" ", 2)[1])

    @property
    def branch(self) -> str:
        match = re.search(r"branch=([^;,\s]+)", self["Via"])
        return match.group(1) if match else ""

    @property
    def cseq(self) -> int:
        return int(self["CSeq"].split()[0])

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def to_bytes(self) -> bytes:
        length = len(self.body.encode())
        head = "".join(f"{name}: {value}\r\n" for name, value in [*self.headers, ("Content-Length", str(length))])
        return f"{self.start}\r\n{head}\r\n{self.body}".encode("utf-8", "surrogateescape")


def read(datagram: bytes) -> Message | None:
    """The message of one datagram; None for keep-alives."""
    text = datagram.decode("utf-8", "surrogateescape")
    if not text.strip():
        return None
    head, _, body = text.partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Message(start, [(n, v) for n, v in headers if n.lower() != "content-length"], body)


def tag_of(address: str) -> str:
    """The tag parameter of a From or To value."""
    match = re.search(r";tag=([^;>\s]+)", address)
    return match.group(1) if match else ""


def uri_of(address: str) -> str:
    """The URI of a Contact, From or To value."""
    match = re.search(r"<([^>]+)>", address)
    return match.group(1) if match else address.split(";")[0].strip()


def new_tag() -> str:
    return secrets.token_hex(6)


def new_branch() -> str:
    return "z9hG4bK" + secrets.token_hex(8)


def authorization(challenge: str, *, user: str, password: str, method: str, uri: str) -> str:
    """The answer to a digest challenge (MD5, qop auth or none)."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2]))
    first = hashlib.md5(f"{user}:{given['realm']}:{password}".encode()).hexdigest()
    second = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
    answer = f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", algorithm=MD5'
    if "opaque" in given:
        answer += f', opaque="{given["opaque"]}"'
    if "qop" in given:
        cnonce = secrets.token_hex(8)
        joined = f"{first}:{given['nonce']}:00000001:{cnonce}:auth:{second}"
        answer += f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        joined = f"{first}:{given['nonce']}:{second}"
    return answer + f', response="{hashlib.md5(joined.encode()).hexdigest()}"'


@dataclass(frozen=True)
class Media:
    """What a session description says about where to send audio, and whether to."""

    host: str
    port: int
    payload_type: int
    dtmf_type: int | None
    direction: str

    @property
    def on_hold(self) -> bool:
        return self.direction in ("sendonly", "inactive") or self.host == "0.0.0.0"


def read_sdp(body: str) -> Media:
    """The audio line of a session description; the first of PCMA and PCMU is taken."""
    host = next(iter(re.findall(r"c=IN IP4 (\S+)", body)), "127.0.0.1")
    match = re.search(r"m=audio (\d+) \S+ ([\d ]+)", body)
    if match is None:
        raise ValueError("no audio in the session description")
    types = [int(kind) for kind in match.group(2).split()]
    dtmf = re.search(r"a=rtpmap:(\d+) telephone-event/8000", body)
    direction = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", body)
    return Media(
        host,
        int(match.group(1)),
        next((kind for kind in types if kind in (0, 8)), 8),
        int(dtmf.group(1)) if dtmf else None,
        direction.group(1) if direction else "sendrecv",
    )


def write_sdp(host: str, port: int, direction: str = "sendrecv", version: int = 1) -> str:
    """PCMA, PCMU and telephone events."""
    return (
        f"v=0\r\no=phone 1 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 0 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
        f"a=ptime:20\r\na={direction}\r\n"
    )
