"""What Asterisk is told of the providers, checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network

from callcenter.asterisk import render_values as check
from callcenter.basics.errors import BadRequest

CODECS = ("alaw", "ulaw", "g722", "opus")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trunk:
    """A provider. Its calls arrive at a SIP address of its own, so that no caller can pass for an agent."""

    name: str
    """The endpoint is ``trunk-<name>``."""
    host: str
    """Our address at which its calls arrive; an IP address."""
    port: int
    """Our UDP port at which its calls arrive; no other trunk has it."""
    peers: tuple[str, ...]
    """Networks whose calls to this port are the provider's; everyone else is refused."""
    send_to: str | None = None
    """Host name or address to which calls going out are sent; None: this trunk only receives."""
    send_to_port: int = 5060
    user: str | None = None
    """User name with which we answer the provider's challenge; None: it does not challenge."""
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check.name("trunk name", self.name)
        place = f"of trunk {self.name}"
        check.address(f"address {place}", self.host)
        check.port(f"port {place}", self.port)
        if not self.peers:
            raise BadRequest(f"peers {place}: none is given, so nobody could call", field="peers")
        for peer in self.peers:
            check.network(f"peer {place}", peer)
        if self.send_to is not None:
            check.host(f"destination {place}", self.send_to)
            check.port(f"destination port {place}", self.send_to_port)
        if (self.user is None) != (self.password is None):
            raise BadRequest(f"user and password {place}: give both or neither", field="user")
        if self.user is not None and self.password is not None:
            check.user(f"user {place}", self.user)
            check.secret(f"password {place}", self.password)


def endpoint_out(trunk: str) -> str:
    """The endpoint through which calls go out by a trunk of this name."""
    return f"out-{trunk}"


def trunk_of(endpoint: str) -> str:
    """The trunk of an endpoint that ``endpoint_out`` has named."""
    return endpoint.removeprefix(endpoint_out(""))


@dataclass(frozen=True, kw_only=True, slots=True)
class TrunkOut:
    """A provider that takes calls out; the endpoint is ``endpoint_out(name)``. Nobody is taken for it when calling in."""

    name: str
    host: str
    """Host name or IP address to which calls are sent."""
    port: int = 5060
    user: str | None = None
    """User name with which we answer the provider's challenge; None: it does not challenge."""
    password: str | None = field(default=None, repr=False)
    codecs: tuple[str, ...] = CODECS
    caller: str | None = None
    """Number shown to who is called; None: the user name, or the caller ID that the call has."""
    contact_user: str | None = None
    """We register with this number as ours, and calls to it are the trunk's; None: we don't register."""

    def __post_init__(self) -> None:
        check.name("trunk name", self.name)
        place = f"of trunk {self.name}"
        check.host(f"destination {place}", self.host)
        check.port(f"destination port {place}", self.port)
        if (self.user is None) != (self.password is None):
            raise BadRequest(f"user and password {place}: give both or neither", field="user")
        if self.user is not None and self.password is not None:
            check.provider_user(f"user {place}", self.user)
            check.provider_secret(f"password {place}", self.password)
        for codec in self.codecs:
            check.codec(f"codec {place}", codec)
        if self.caller is not None:
            check.dialled(f"caller number {place}", self.caller)
        if self.contact_user is not None:
            check.our_number(f"main number {place}", self.contact_user)
            if self.user is None:
                raise BadRequest(f"user {place}: nobody can register without one", field="user")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrunkIn:
    """A provider whose calls come in; the endpoint is ``trunk-<name>``, unless it is known by its address alone."""

    name: str
    networks: tuple[str, ...] = ()
    """Where its calls come from; with a password or registered: the only place where they may come from."""
    password: str | None = field(default=None, repr=False)
    """It signs in as ``trunk-<name>`` with it; None: it does not."""
    is_registered: bool = False
    """We are registered there: its calls name the registration."""
    codecs: tuple[str, ...] = CODECS

    def __post_init__(self) -> None:
        check.name("trunk name", self.name)
        place = f"of trunk {self.name}"
        for network in self.networks:
            check.network(f"network {place}", network)
        if self.password is not None:
            check.provider_secret(f"inbound password {place}", self.password)
        for codec in self.codecs:
            check.codec(f"codec {place}", codec)

    @property
    def has_endpoint(self) -> bool:
        """Whether it is an endpoint of its own; a trunk known by its address alone calls at the one of the trunk port."""
        return self.is_registered or self.password is not None


def distant(networks: tuple[str, ...]) -> tuple[str, ...]:
    """Networks on other machines. On this one agents' phones may run as well, so here only the port called tells them apart."""
    return tuple(network for network in networks if not ip_network(network, strict=False).is_loopback)
