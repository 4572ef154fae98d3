"""From the raw file to the player: right sound in the right channel, stored exactly once whatever breaks, refused when damaged."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import asyncpg
import pytest

from callcenter.basics import clock
from callcenter.basics.errors import NotFound
from callcenter.database.migrate import migrate
from callcenter.recordings.service import NoRoom
from callcenter.recordings.vault import CHUNK, Damaged
from tests.parts.hearing import decode_opus, hears_tone
from tests.parts.postgres import SQL_DIR, private_cluster
from tests.recordings.room import audio_of, begun, open_room, settled, taken_in, two_tones

LONG_S = 60.0
"""Enough for several chunks."""


async def test_each_side_is_heard_in_its_own_channel(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = await taken_in(recordings, two_tones(3))
        info = await recordings.describe(recording)
        assert info is not None
        assert (info.state, info.duration_ms, info.codec) == ("stored", 3000, "audio/ogg; codecs=opus")
        audio = await audio_of(recordings, recording)
        assert len(audio) == info.size
        left, right = decode_opus(audio)
        assert hears_tone(left, 440) and not hears_tone(left, 880)
        assert hears_tone(right, 880) and not hears_tone(right, 440)
        assert not list((tmp_path / "spool").iterdir()), "the spool is empty once the row is committed"


async def test_any_range_is_that_part_of_the_whole(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = await taken_in(recordings, two_tones(LONG_S))
        whole = await audio_of(recordings, recording)
        assert len(whole) > 2 * CHUNK
        for start, end in ((0, 1), (CHUNK - 1, CHUNK + 1), (CHUNK, 2 * CHUNK), (7, len(whole)), (len(whole), len(whole) + 9), (5, 5)):
            assert await audio_of(recordings, recording, start, end) == whole[start:end]


@pytest.mark.parametrize(
    "harm",
    [
        "update recording_chunks set body = set_byte(body, 100, get_byte(body, 100) # 1) where number = 1",
        "update recording_chunks set body = substr(body, 1, 100) where number = 1",
        "delete from recording_chunks where number = 1",
        "update recording_chunks set number = 101 - number where number < 2;"
        "update recording_chunks set number = number - 100 where number > 99",
        "update recordings set size = size - 65536",
        "update recordings set wrapped_key = set_byte(wrapped_key, 3, get_byte(wrapped_key, 3) # 1)",
        "update recordings set key_id = '0009'",
        "update recordings set key_id = '../../x'",
    ],
)
async def test_what_was_changed_in_the_store_is_refused(postgres_dsn: str, tmp_path: Path, harm: str) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = await taken_in(recordings, two_tones(LONG_S))
        await _execute(postgres_dsn, harm)
        with pytest.raises(Damaged):
            await audio_of(recordings, recording)


async def test_a_chunk_of_another_recording_is_refused(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        mine, other = await taken_in(recordings, two_tones(2)), await taken_in(recordings, two_tones(2))
        body = f"(select body from recording_chunks where recording = '{other}')"
        await _execute(postgres_dsn, f"update recording_chunks set body = {body} where recording = '{mine}'")
        with pytest.raises(Damaged):
            await audio_of(recordings, mine)
        assert await audio_of(recordings, other)


async def test_keys_are_for_us_alone_and_can_be_changed(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = await taken_in(recordings, two_tones(1))
        before = await audio_of(recordings, recording)
        assert recordings.rotate() == "0002"
        assert await recordings.rewrap() == 1
        assert await recordings.rewrap() == 0
        assert await audio_of(recordings, recording) == before
        keys = sorted((tmp_path / "keys").iterdir())
        assert [key.name for key in keys] == ["recordings-0001", "recordings-0002"]
        assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
        keys[0].unlink()
        assert await audio_of(recordings, recording) == before
    async with open_room(postgres_dsn, tmp_path) as recordings:
        assert await audio_of(recordings, recording) == before


@pytest.mark.parametrize("raw", [b"", None])
async def test_nothing_recorded_is_told_with_its_reason(postgres_dsn: str, tmp_path: Path, raw: bytes | None) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = await taken_in(recordings, raw)
        info = await recordings.describe(recording)
        assert info is not None
        assert (info.state, info.reason) == ("failed", "nothing was recorded: the file is empty or missing")
        with pytest.raises(NotFound):
            await audio_of(recordings, recording)


async def test_one_that_still_runs_is_described_and_left_alone(postgres_dsn: str, tmp_path: Path) -> None:
    """A worker's restart in the middle of a call takes nothing in before the call's end."""
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = begun(recordings, two_tones(1))
        assert (tmp_path / "spool" / f"{recording}.json").exists()
    async with open_room(postgres_dsn, tmp_path) as recordings:
        finished_one = await taken_in(recordings, two_tones(1))
        assert (await settled(recordings, finished_one)).state == "stored"
        info = await recordings.describe(recording)
        assert info is not None and info.state == "spooled"
        await recordings.finished(recording, clock.utc_ms())
        assert (await settled(recordings, recording)).state == "stored"
        assert await recordings.describe("nonsense") is None


async def test_one_whose_call_is_lost_is_taken_in_after_hours_of_silence(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = begun(recordings, two_tones(1))
    long_ago = clock.utc_ms() / 1000 - 7 * 3600
    for path in (tmp_path / "spool").iterdir():
        os.utime(path, (long_ago, long_ago))
    async with open_room(postgres_dsn, tmp_path) as recordings:
        assert (await settled(recordings, recording)).state == "stored"


async def test_finished_twice_is_stored_once(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path) as first, open_room(postgres_dsn, tmp_path) as second:
        recording = begun(first, two_tones(LONG_S))
        now = clock.utc_ms()
        await asyncio.gather(first.finished(recording, now), first.finished(recording, now), second.finished(recording, now))
        await settled(first, recording)
        await settled(second, recording)
        assert await audio_of(first, recording)


async def test_a_full_disk_records_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    async with open_room(postgres_dsn, tmp_path, least_free=1 << 60) as recordings:
        with pytest.raises(NoRoom, match="this call is not recorded"):
            begun(recordings, None)
        assert not list((tmp_path / "spool").iterdir())


async def test_without_postgres_the_raw_file_waits(tmp_path: Path) -> None:
    with private_cluster() as cluster:
        await migrate(cluster.dsn(), SQL_DIR)
        async with open_room(cluster.dsn(), tmp_path) as recordings:
            await taken_in(recordings, two_tones(1))
            cluster.stop(signal.SIGQUIT)
            recording = begun(recordings, two_tones(1))
            await recordings.finished(recording, clock.utc_ms())
            assert recordings.backlog() == 1
            await asyncio.sleep(1)
            assert recordings.path_for(recording).exists()
            cluster.start()
            assert (await settled(recordings, recording, 30)).state == "stored"
            assert recordings.backlog() == 0


DIES_AT = ("_add_month", "_until_still", "_store_audio", "store.add", "unlink")
_PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from callcenter.recordings import service, store
from tests.recordings.room import open_room

where, dsn, folder = sys.argv[1:]
def die(*_, **__): os.kill(os.getpid(), 9)
if where == "store.add": store.add = die
elif where == "unlink": Path.unlink = die
else: setattr(service.Recordings, where, die)
async def main():
    async with open_room(dsn, Path(folder)):
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("where", DIES_AT)
async def test_killed_in_the_middle_it_is_stored_exactly_once(postgres_dsn: str, tmp_path: Path, where: str) -> None:
    async with open_room(postgres_dsn, tmp_path) as recordings:
        recording = begun(recordings, two_tones(2))
        sidecar = recordings._read(recording)
        assert sidecar is not None
        sidecar.ended_ms = clock.utc_ms()
        recordings._write(sidecar)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _PROGRAM, where, postgres_dsn, str(tmp_path))
    assert await asyncio.wait_for(child.wait(), 30) == -signal.SIGKILL
    async with open_room(postgres_dsn, tmp_path) as recordings:
        assert (await settled(recordings, recording)).state == "stored"
        left, _ = decode_opus(await audio_of(recordings, recording))
        assert hears_tone(left, 440)
    assert not list((tmp_path / "spool").iterdir())


async def _execute(dsn: str, command: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(command)
    finally:
        await connection.close()
