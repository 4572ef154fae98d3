"""All that Asterisk's configuration is made of, checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import available_timezones

from callcenter.asterisk import render_values as check
from callcenter.asterisk.trunk_facts import Trunk, TrunkIn, TrunkOut, distant
from callcenter.basics.errors import BadRequest
from callcenter.basics.settings import Settings
from callcenter.basics.vocabulary import Language


@dataclass(frozen=True, kw_only=True, slots=True)
class Phone:
    """An agent's phone: endpoint, user name and address of record are all the agent's number."""

    number: str
    """2–8 digits."""
    name: str
    """What a called phone shows; ``render_values.plain_person`` makes one of any text."""
    sip_password: str = field(repr=False)
    """8–128 letters, digits and ``. _ ~ + / -``."""

    def __post_init__(self) -> None:
        check.agent_number("phone number", self.number)
        check.person(f"name of phone {self.number}", self.name)
        check.secret(f"SIP password of phone {self.number}", self.sip_password)


@dataclass(frozen=True, kw_only=True, slots=True)
class FallbackQueue:
    """Who answers a queue's calls while the service is away; Asterisk's own queue is ``fb-<name>``."""

    name: str
    members: tuple[str, ...]
    """Agents' numbers."""
    numbers: tuple[str, ...] = ()
    """Dialled numbers that lead here while the service is away."""

    def __post_init__(self) -> None:
        check.name("queue name", self.name)
        for member in self.members:
            check.agent_number(f"member of queue {self.name}", member)
        for number in self.numbers:
            check.dialled(f"number of queue {self.name}", number)


@dataclass(frozen=True, kw_only=True, slots=True)
class CentreFacts:
    """Everything that Asterisk's configuration is made of. BadRequest, naming the field, when a value can't stand in it."""

    module_dir: Path
    """Asterisk's modules (``…/asterisk/modules``)."""
    data_dir: Path
    """Asterisk's own data (``…/share/asterisk``: documentation, rest-api, sounds)."""
    asterisk_dir: Path
    """Holds the folders lib, spool, run and log, all Asterisk's own."""
    prompts_dir: Path
    """Prompts by language; the fallback announces from ``<language>/fallback/…``."""
    music_dir: Path
    """Music on hold: each file in it is played, in any order; each of its folders is a class of its own."""
    voicemail_dir: Path
    """The fallback records messages here, as ``<channel id>.wav``."""
    witness_file: Path
    """Where CEL goes, one event a line (``witness.py``)."""
    cdr_file: Path
    """Where Asterisk's own call records go, as CSV: for cross-checks only."""
    sip_host: str
    sip_port: int
    http_port: int
    """ARI and phones' WebSocket, on loopback."""
    ami_port: int
    rtp_start: int
    rtp_end: int
    ari_user: str
    ari_password: str = field(repr=False)
    ami_user: str
    ami_password: str = field(repr=False)
    external_address: str | None = None
    """Public address when Asterisk stands behind NAT."""
    language: Language = Language.ZH
    timezone: str = "Asia/Shanghai"
    phones: tuple[Phone, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    ways_out: tuple[TrunkOut, ...] = ()
    """They send from the first trunk's address."""
    ways_in: tuple[TrunkIn, ...] = ()
    """Those known by address alone call at the first trunk's port."""
    music: tuple[str, ...] = ("default",)
    """Music classes: ``default``, and folders of ``music_dir``."""
    queues: tuple[FallbackQueue, ...] = ()
    """The first one takes calls to numbers that no queue claims."""

    def __post_init__(self) -> None:
        for place in ("module_dir", "data_dir", "asterisk_dir", "prompts_dir", "music_dir", "voicemail_dir", "witness_file", "cdr_file"):
            check.path(place, getattr(self, place))
        for socket in ("sip_port", "http_port", "ami_port", "rtp_start", "rtp_end"):
            check.port(socket, getattr(self, socket))
        if self.rtp_end - self.rtp_start < 3:
            raise BadRequest("rtp_end: the range needs at least 4 ports", field="rtp_end")
        check.address("sip_host", self.sip_host)
        check.user("ari_user", self.ari_user)
        check.secret("ari_password", self.ari_password)
        check.user("ami_user", self.ami_user)
        check.secret("ami_password", self.ami_password)
        if self.external_address is not None:
            check.address("external_address", self.external_address)
        if self.timezone not in available_timezones():
            raise BadRequest(f"timezone: {self.timezone!r:.60} is not a time zone", field="timezone")
        Language(self.language)
        self._check_once()

    @property
    def guests(self) -> tuple[str, ...]:
        """Networks of providers known by address alone, each once."""
        return tuple(dict.fromkeys(network for trunk in self.ways_in if trunk.password is None for network in trunk.networks))

    def peers_of(self, trunk: Trunk) -> tuple[str, ...]:
        """Networks that may call at a trunk's port."""
        return tuple(dict.fromkeys((*trunk.peers, *(self.guests if trunk is self.trunks[0] else ()))))

    def distant_peers_of(self, trunk: Trunk) -> tuple[str, ...]:
        """Those of them on other machines, which may write another port into their requests."""
        return distant(self.peers_of(trunk))

    def _check_once(self) -> None:
        """Nothing may stand twice, and queues may only name phones that are there."""
        numbers = [phone.number for phone in self.phones]
        _once("phone", numbers)
        _once("trunk", [trunk.name for trunk in self.trunks])
        _once("trunk out", [trunk.name for trunk in self.ways_out])
        _once("trunk in", [trunk.name for trunk in self.ways_in] + [trunk.name for trunk in self.trunks])
        _once("trunk port", [trunk.port for trunk in self.trunks] + [self.sip_port])
        _once("music class", self.music)
        _once("queue", [queue.name for queue in self.queues])
        _once("number of a queue", [number for queue in self.queues for number in queue.numbers])
        for queue in self.queues:
            _once(f"member of queue {queue.name}", queue.members)
            for member in queue.members:
                if member not in numbers:
                    raise BadRequest(f"queue {queue.name}: its member {member} has no phone", field="queues")


def _once(what: str, values: list[str] | list[int] | tuple[str, ...]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise BadRequest(f"{what}: {value} stands twice", field=what)
        seen.add(value)


def centre_facts(
    settings: Settings,
    *,
    module_dir: Path,
    data_dir: Path,
    ari_password: str,
    ami_password: str,
    phones: tuple[Phone, ...] = (),
    queues: tuple[FallbackQueue, ...] = (),
    ways_out: tuple[TrunkOut, ...] = (),
    ways_in: tuple[TrunkIn, ...] = (),
    music: tuple[str, ...] = ("default",),
    send_to: str | None = None,
    send_to_port: int = 5060,
) -> CentreFacts:
    """The facts of a centre with one provider (``trunk-main``), all else from its settings."""
    return CentreFacts(
        module_dir=module_dir,
        data_dir=data_dir,
        asterisk_dir=settings.asterisk_dir,
        prompts_dir=settings.prompts_dir,
        music_dir=settings.music_dir,
        music=music,
        voicemail_dir=settings.message_spool,
        witness_file=settings.witness_file,
        cdr_file=settings.asterisk_dir / "log" / "cdr-custom" / "calls.csv",
        sip_host=settings.sip_host,
        sip_port=settings.sip_port,
        http_port=settings.asterisk_http_port,
        ami_port=settings.ami_port,
        rtp_start=settings.rtp_start,
        rtp_end=settings.rtp_end,
        ari_user=settings.ari_user,
        ari_password=ari_password,
        ami_user=settings.ami_user,
        ami_password=ami_password,
        external_address=settings.external_address,
        language=settings.language,
        timezone=settings.timezone,
        phones=phones,
        queues=queues,
        ways_out=ways_out,
        ways_in=ways_in,
        trunks=(
            Trunk(
                name="main",
                host=settings.trunk_host,
                port=settings.trunk_port,
                peers=tuple(settings.trunk_peers),
                send_to=send_to,
                send_to_port=send_to_port,
            ),
        ),
    )
