"""One documented setting per line. Read from ``callcenter.toml`` and from ``CALLCENTER_…`` in the environment,
the environment winning. Every setting has a default that makes a complete centre on one machine.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from callcenter.basics.vocabulary import Language

_HOST: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def _host_or_network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError(f"{text!r:.80} is neither a host name nor a network such as 10.1.0.0/16") from None
        return text.lower()


HostOrNetwork = Annotated[str, AfterValidator(_host_or_network)]


class Settings(BaseSettings):
    """What an administrator may set; nothing else is read from the environment."""

    model_config = SettingsConfigDict(env_prefix="CALLCENTER_", extra="forbid", frozen=True)

    var_dir: Path = Field(Path("var"), description="Everything that is written lies below this folder.")
    console_host: str = Field("127.0.0.1", description="Address of the console and the API.")
    console_port: int = Field(8080, description="Port of the console and the API.")
    public_url: str | None = Field(None, description="How browsers reach the console, when it stands behind a proxy (https://…).")
    sip_host: str = Field("127.0.0.1", description="Address that agents' phones register at; 0.0.0.0 for phones on other machines.")
    sip_port: int = Field(5060, description="SIP port for agents' phones (udp and tcp).")
    trunk_host: str = Field("127.0.0.1", description="Address at which the provider's calls arrive.")
    trunk_port: int = Field(5070, description="SIP port (udp) at which the provider's calls arrive: a transport of its own.")
    trunk_peers: list[str] = Field(["127.0.0.1/32"], description="Networks whose calls to the trunk port are taken as the provider's.")
    external_address: str | None = Field(None, description="Public address written into SIP and SDP when Asterisk stands behind NAT.")
    asterisk_http_port: int = Field(8088, description="Asterisk's HTTP and WebSocket port, on loopback.")
    ami_port: int = Field(5038, description="Asterisk's manager port, on loopback.")
    rtp_start: int = Field(20000, description="First RTP port.")
    rtp_end: int = Field(20999, description="Last RTP port.")
    postgres_dsn: str | None = Field(None, description="An existing Postgres (postgresql://…); none: a private one under var/.")
    redis_url: str | None = Field(None, description="An existing Redis 7 or later (redis://… or unix://…); none: a private one under var/.")
    asterisk_embedded: bool = Field(
        True, description="Run a private Asterisk; false: one that runs already with our rendered configuration."
    )
    asterisk_host: str = Field("127.0.0.1", description="Where ARI and AMI are, when Asterisk is not embedded.")
    supervision_visible: bool = Field(
        False, description="Agents see in their own calls that a supervisor listens, whispers or has joined; others always do."
    )
    asterisk_root: Path | None = Field(
        None, description="Root that holds Asterisk; none: the system's if it is 22.10 or later, else var/asterisk-root."
    )
    ari_user: str = Field("callcenter", description="ARI user name; its password is generated into var/secrets.")
    ami_user: str = Field("callcenter", description="AMI user name; its password is generated into var/secrets.")
    language: Language = Field(
        Language.ZH, description="Language of the demo centre's prompts, and of pages where the browser asks for neither."
    )
    timezone: str = Field("Asia/Shanghai", description="The centre's time zone, for what people see and for opening hours.")
    lookup_hosts: list[HostOrNetwork] = Field(
        [], description="Hosts by name, and networks, that flows' HTTP lookups may ask although they lie inside; none: public ones only."
    )
    outside_allowed: list[Annotated[str, Field(pattern=r"^\+?[0-9]{1,20}$")]] = Field(
        [],
        description="What a number that a flow builds from a caller's digits, or at which somebody asks to be called back, may begin with; "
        "none: only numbers written in the flow, and callers' own domestic numbers.",
    )
    feature_codes: dict[str, str] = Field(
        {}, description='What agents dial, where it is not as usual: {"ready": "*40", "pause": "*41", …}; docs/agents.md has them all.'
    )
    lay_demo: bool = Field(True, description="Lay the demo centre when the database is empty.")
    log_json: bool = Field(False, description="Log JSON lines instead of text.")
    log_level: str = Field("info", description="debug, info, warning or error.")
    node: str = Field("node1", description="This node's name, when several share Postgres and Redis.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file before the defaults."""
        path = Path(os.environ.get("CALLCENTER_CONFIG_FILE", "callcenter.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)

    @property
    def var(self) -> Path:
        """The absolute path of ``var_dir``."""
        return self.var_dir.absolute()

    @property
    def secrets_dir(self) -> Path:
        """Generated secrets, one file each, mode 600."""
        return self.var / "secrets"

    @property
    def asterisk_dir(self) -> Path:
        """The embedded Asterisk's etc, lib, spool, run and log."""
        return self.var / "asterisk"

    @property
    def recording_spool(self) -> Path:
        """Where MixMonitor writes raw audio until it is safe in the store."""
        return self.var / "spool" / "recordings"

    @property
    def message_spool(self) -> Path:
        """Where the dialplan's own mailbox writes while no worker is there."""
        return self.var / "spool" / "voicemail"

    @property
    def ledger_spool(self) -> Path:
        """Where call events wait until Postgres has them."""
        return self.var / "spool" / "ledger"

    @property
    def witness_file(self) -> Path:
        """Asterisk's own CEL, as CSV."""
        return self.asterisk_dir / "log" / "cel-custom" / "witness.csv"

    @property
    def prompts_dir(self) -> Path:
        """Prompts by language: ``zh/…`` and ``en/…`` as .sln16 or .wav, the sound path of Asterisk."""
        return self.var / "prompts"

    @property
    def music_dir(self) -> Path:
        """Music on hold: files of the class ``default``, and a folder for each other class."""
        return self.prompts_dir / "music"

    @property
    def dsn(self) -> str:
        """The Postgres to use: the given one, or the embedded one's socket."""
        return self.postgres_dsn or f"postgresql://callcenter@/callcenter?host={self.var / 'postgres' / 'run'}"

    @property
    def redis(self) -> str:
        """The Redis to use: the given one, or the embedded one's socket."""
        return self.redis_url or f"unix://{self.var / 'redis' / 'redis.sock'}"
