"""The example in docs/examples does what it says, on a real Asterisk."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from callcenter.asterisk import Ari
from tests.asterisk.reach import ROOM, fresh
from tests.asterisk_conf.private_asterisk import ARI_PASSWORD, PrivateAsterisk
from tests.parts.waiting import until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "ari_hello.py"


async def test_a_caller_is_answered_heard_and_let_go(asterisk: PrivateAsterisk, ari: Ari, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{asterisk.facts.http_port}"
    said = tmp_path / "said"
    reach = {**os.environ, "ARI_URL": url, "ARI_USER": "callcenter", "ARI_PASSWORD": ARI_PASSWORD, "PYTHONPATH": str(EXAMPLE.parents[2])}
    with said.open("wb") as out:
        example = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE), env=reach, stdout=out, stderr=out)
    try:
        await until("the application is there", lambda: _registered(ari), 20)
        channel_id = fresh("channel")
        request = {"endpoint": ROOM, "app": "hello", "channelId": channel_id}
        await ari.request("POST", "/channels", query=request)
        channel = ari.channel(channel_id)
        await until("the caller hears the tone", lambda: _playing(ari, channel_id), 10)
        other_half = next(each for each in await ari.list_channels() if each.id != channel_id and each.name.endswith(";2"))
        assert other_half.state == "Up"
        assert (await channel.get()).state == "Up"
        await channel.hangup()
        assert example.returncode is None, said.read_text()
    finally:
        if example.returncode is None:
            example.terminate()
        await example.wait()
    assert "Traceback" not in said.read_text()


async def _registered(ari: Ari) -> bool:
    return "hello" in [each["name"] for each in await ari.request("GET", "/applications")]


async def _playing(ari: Ari, channel_id: str) -> bool:
    from callcenter.basics.errors import ChannelGone

    try:
        return bool(await ari.request("GET", f"/playbacks/{channel_id}-tone"))
    except ChannelGone:
        return False
