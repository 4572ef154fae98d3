"""Trunks: the providers that bring calls and take them out. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from callcenter.asterisk import render_values as check
from callcenter.asterisk.trunk_facts import TrunkIn, TrunkOut
from callcenter.basics.errors import BadRequest
from callcenter.basics.vocabulary import NAME, dialled_number

MAIN: Final = "main"
"""The provider of the settings ``trunk_…``; no other trunk may be called so."""
Codec = Literal["alaw", "ulaw", "g722", "opus"]
_Fault = tuple[str, str]


def _by(rule: Callable[[str, str], str]) -> AfterValidator:
    """What Asterisk's configuration can hold, as pydantic asks."""

    def checked(value: str) -> str:
        try:
            return rule("it", value)
        except BadRequest as error:
            raise ValueError(str(error).removeprefix("it: ")) from error

    return AfterValidator(checked)


def _network(field: str, value: str) -> str:
    network = check.network(field, value)
    if network in ("0.0.0.0/0", "::/0"):
        raise BadRequest(f"{field}: {network} is everyone", field=field)
    return network


Host = Annotated[str, Field(max_length=253), _by(check.host)]
User = Annotated[str, Field(max_length=64), _by(check.provider_user)]
Secret = Annotated[str, Field(max_length=128), _by(check.provider_secret)]
Network = Annotated[str, Field(max_length=49), _by(_network)]
Shown = Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")]
Dialled = Annotated[str, Field(pattern=r"^\+?[0-9*#]{1,32}$")]


class NumberRule(BaseModel):
    """How a number is written anew: of one that begins with ``begins`` that part becomes ``becomes``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: str = Field(pattern=r"^\+?[0-9*#]{0,20}$", description="Empty: every number.")
    becomes: str = Field(pattern=r"^\+?[0-9*#]{0,20}$")


def rewritten(number: str, rules: Iterable[NumberRule]) -> str:
    """The number as the first rule that fits writes it; as it is where none fits, or where none can be dialled that way."""
    for rule in rules:
        if number.startswith(rule.begins):
            return dialled_number(rule.becomes + number.removeprefix(rule.begins)) or number
    return number


class Trunk(BaseModel):
    """A provider."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{NAME.pattern}$")
    title: str = Field("", max_length=80)
    enabled: bool = Field(True, description="Off: no call goes in or out by it; those that are up go on.")
    host: Host | None = Field(None, description="Where calls go out to; null: calls only come in.")
    port: int = Field(5060, ge=1, le=65535)
    username: User | None = Field(None, description="Answers the provider's challenge.")
    password: Secret | None = Field(None, repr=False)
    registers: bool = Field(False, description="Signs in at the host, so that its calls find us wherever we are.")
    codecs: tuple[Codec, ...] = Field(("alaw", "ulaw", "g722", "opus"), min_length=1, max_length=4, description="The best first.")
    position: int = Field(100, ge=0, le=10_000, description="Order in which trunks are tried for calls out, the lowest first.")
    caller_number: Shown | None = Field(
        None, description="Shown to who is called; null: the user name, or the number the caller had dialled."
    )
    called_rules: tuple[NumberRule, ...] = Field(
        (), max_length=50, description="How numbers that are called are written for this provider."
    )
    networks: tuple[Network, ...] = Field(
        (), max_length=50, description="Calls from these addresses are this provider's. With an inbound password: only from there."
    )
    inbound_password: Secret | None = Field(
        None, repr=False, description="The provider (or a PBX) signs in as trunk-NAME at the phones' port with it."
    )
    dialled_rules: tuple[NumberRule, ...] = Field(
        (), max_length=50, description="How numbers this provider's callers dial are written for us."
    )
    main_number: Dialled | None = Field(
        None, description="Where calls go that name no number of ours; given to the provider when registering."
    )

    def faults(self, others: Iterable[Trunk] = ()) -> list[_Fault]:
        """Places and reasons that only show when the whole is looked at; ``others`` are the other trunks there are."""
        found: list[_Fault] = []
        if self.name == MAIN:
            found.append(("name", f"{MAIN} is the provider of the settings trunk_host, trunk_port and trunk_peers"))
        if (self.username is None) != (self.password is None):
            found.append(("password" if self.username else "username", "user name and password go together"))
        if not self.host and (self.username or self.registers):
            found.append(("host", "nowhere to sign in without one"))
        if self.registers and not self.username:
            found.append(("username", "nobody can register without one"))
        if self.registers and not self.contact_user:
            found.append(("main_number", "needed to register: the user name is no number that calls could arrive at"))
        if self.registers and self.inbound_password:
            found.append(("inbound_password", "a provider that we register at calls by that registration; it does not sign in here"))
        if len(set(self.codecs)) < len(self.codecs):
            found.append(("codecs", "one stands twice"))
        for other in others:
            if other.name != self.name and not self.inbound_password and not other.inbound_password:
                found += [("networks", f"{network} is the trunk {other.name}'s") for network in self.networks if network in other.networks]
        return found

    @property
    def contact_user(self) -> str | None:
        """The number at which a provider that we are registered at calls us."""
        return self.main_number or dialled_number(self.username or "")

    @property
    def registered_as(self) -> tuple[str | None, ...] | None:
        """Where and as whom we register; None: we don't."""
        return (self.host, str(self.port), self.username, self.contact_user) if self.registers else None

    @property
    def signs_in_as(self) -> str | None:
        """The user name with which the provider signs in here; None: it does not."""
        return f"trunk-{self.name}" if self.inbound_password else None

    @property
    def known_by_address(self) -> bool:
        """Whether calls are this provider's because of where they come from."""
        return bool(self.networks) and not self.inbound_password

    def way_out(self) -> TrunkOut | None:
        """What Asterisk is told for calls going out; None when none do. BadRequest when it can't stand in its configuration."""
        if not self.host:
            return None
        return TrunkOut(
            name=self.name, host=self.host, port=self.port, user=self.username, password=self.password, codecs=self.codecs,
            caller=self.caller_number, contact_user=self.contact_user if self.registers else None,
        )  # fmt: skip

    def way_in(self) -> TrunkIn | None:
        """What Asterisk is told for calls coming in; None when none do. BadRequest when it can't stand in its configuration."""
        if not (self.registers or self.networks or self.inbound_password):
            return None
        return TrunkIn(
            name=self.name, networks=self.networks, password=self.inbound_password, is_registered=self.registers, codecs=self.codecs
        )


def trunk_at(peer: str, trunks: Iterable[Trunk]) -> Trunk | None:
    """Whose a call from ``peer`` (``192.0.2.7:5060``, ``[2001:db8::7]:5060``) is; of several the one that names it most closely."""
    try:
        address = ipaddress.ip_address(urlsplit(f"//{peer}").hostname or "")
    except ValueError:
        return None
    fitting = [
        (network.prefixlen, trunk)
        for trunk in trunks
        if trunk.known_by_address
        for network in map(ipaddress.ip_network, trunk.networks)
        if address in network
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
