"""A TCP proxy that cuts, stalls and comes back: what a network does between two programs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Proxy:
    """Stands before a server on loopback. ``stalled``: bytes wait in both directions, connections stay open, as on a dead line."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self.target_port = target_port
        self.accepted = 0
        self.seen = b""
        """The first 8 KiB that a client sent on the newest connection."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def open(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Take none, and cut those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection at once, with a reset."""
        for writer in tuple(self._writers):
            writer.transport.abort()
        for pump in self._pumps:
            pump.cancel()

    def stall(self) -> None:
        """Let nothing through from now on."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let everything through again, what waited first."""
        self._flowing.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.seen = b""
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        loop = asyncio.get_running_loop()
        pumps = {loop.create_task(self._pump(reader, back, True)), loop.create_task(self._pump(there, writer, False))}
        self._pumps |= pumps
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._pumps -= pumps
            for each in (writer, back):
                self._writers.discard(each)
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if asked and len(self.seen) < 8192:
                    self.seen += data
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
