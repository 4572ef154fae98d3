"""The demo centre, laid once on an empty database: users, agents 1001–1010, queues, numbers 4000–4002."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from callcenter.acd import store as acd
from callcenter.acd.model import Agent, Member, Queue
from callcenter.basics.settings import Settings
from callcenter.basics.vocabulary import Language
from callcenter.console import accounts
from callcenter.database.pool import Querier
from callcenter.ivr import store as ivr
from callcenter.ivr.demo_flow import DEMO_FLOW
from callcenter.lines import store as lines
from callcenter.lines.model import Number

AGENTS: Final = tuple(str(number) for number in range(1001, 1011))
QUEUES: Final = {"sales": {"zh": "销售", "en": "Sales"}, "support": {"zh": "客户服务", "en": "Support"}}


def _password() -> str:
    return secrets.token_urlsafe(12)


def _secrets(settings: Settings) -> dict[str, Any]:
    return {
        "console": f"http://{settings.console_host}:{settings.console_port}",
        "sip": {"host": settings.sip_host, "port": settings.sip_port},
        "users": {"admin": _password(), "supervisor": _password()},
        "agents": {
            number: {"sip_password": secrets.token_urlsafe(18), "password": _password(), "pin": f"{secrets.randbelow(1_000_000):06}"}
            for number in AGENTS
        },
        "api_token": secrets.token_urlsafe(32),
        "trunk": {"host": settings.trunk_host, "port": settings.trunk_port},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


async def lay(pool: asyncpg.Pool, settings: Settings) -> bool:
    """Lay the demo centre, all of it or nothing, unless there is anything already; True when it was laid.

    Passwords go into ``var/demo.json``.
    """
    if await acd.read_agents(pool) or await acd.read_queues(pool):
        return False
    demo = _secrets(settings)
    _write(settings.var / "demo.json", demo)
    async with pool.acquire() as connection, connection.transaction():
        await _lay_all(connection, demo, settings.language)
    return True


async def _lay_all(pool: Querier, demo: dict[str, Any], language: Language) -> None:
    await accounts.add_user(pool, name="admin", role="admin", password=demo["users"]["admin"])
    await accounts.add_user(pool, name="supervisor", role="supervisor", password=demo["users"]["supervisor"])
    await accounts.add_token(pool, title="demo", token=demo["api_token"], role="admin")
    await ivr.add_flow(pool, DEMO_FLOW, author="demo")
    for name, titles in QUEUES.items():
        await acd.add_queue(pool, Queue(name=name, title=titles[language]))
    for number, private in demo["agents"].items():
        agent = Agent(number=number, name=f"Agent {number}", language=language, sip_password=private["sip_password"], pin=private["pin"])
        await acd.add_agent(pool, agent)
        await accounts.add_user(pool, name=number, role="agent", password=private["password"], agent=number)
        for queue_name in QUEUES:
            await acd.add_member(pool, Member(queue=queue_name, agent=number, penalty=0))
    for number, kind, target in (("4000", "flow", "main"), ("4001", "queue", "sales"), ("4002", "queue", "support")):
        await lines.add_number(pool, Number(number=number, title=target, kind=kind, target=target, language=language))
