"""Run in a network of its own, where this machine has a public and several private addresses: who is reached?

Prints for each case what came of it and how many connections the private servers saw. Nothing here is patched: the
addresses are real, the names are those of /etc/hosts, and the checks are those of the transport.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from pathlib import Path

from tests.transport.conftest import Collect
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.spec import Policy
from tui_downloads.transport.auto import create
from tui_downloads.transport.base import Reach, Request

PUBLIC, PRIVATE = "8.8.4.4", ("10.9.8.7", "100.64.1.1", "169.254.169.254", "127.0.0.1")
RESTRICTED = Reach(policy=Policy(private=False), connect_timeout=5.0, stall_timeout=5.0)
OPEN = Reach(connect_timeout=5.0, stall_timeout=5.0)


class Lab:
    """A public and several private servers on one port, an FTP server, and a list of names."""

    # Mutable state: connections by address, the answers by path, the names, and what happens at a request.
    def __init__(self, hosts: Path) -> None:
        self.hits = dict.fromkeys((PUBLIC, *PRIVATE), 0)
        self.moved: dict[str, str] = {}
        self.passive = b""
        self.on_request = lambda path: None
        self._hosts = hosts
        self._servers: list[asyncio.Server] = []

    def names(self, **addresses: tuple[str, ...]) -> None:
        lines = [f"{address} {name}.example" for name, many in addresses.items() for address in many]
        self._hosts.write_text("\n".join(["127.0.0.1 localhost", *lines]) + "\n")

    async def start(self) -> None:
        self.port = 0
        for address in self.hits:
            self.port = await self._listen(self._http(address), address)
        self.ftp = await self._listen(self._ftp, PUBLIC, 0)

    async def _listen(self, serve, address: str, port: int | None = None) -> int:
        server = await asyncio.start_server(serve, address, self.port if port is None else port)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def _http(self, address: str):
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.hits[address] += 1
            try:
                # An FTP client says nothing on its data connection, and must not wait for it.
                line = await asyncio.wait_for(reader.readline(), 0.5)
                while (await reader.readline()).strip():
                    pass
                path = line.split()[1].decode()
                self.on_request(path)
                target = self.moved.get(path)
                if target is not None:
                    writer.write(f"HTTP/1.1 302 Go\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
                else:
                    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(address)}\r\n\r\n{address}".encode())
                await writer.drain()
            except (TimeoutError, IndexError, ConnectionError):
                writer.write(address.encode())
            writer.close()

        return serve

    async def _ftp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # libcurl holds the loop, which is ours too, for the last word: it comes with the first.
        answers = {b"USER": b"230 in", b"RETR": b"150 now\r\n226 done", b"TYPE": b"200 ok", b"PASV": self.passive}
        if self.passive.startswith(b"229"):
            answers[b"EPSV"] = self.passive
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            word = line.split()[0].upper()
            writer.write(answers.get(word, b"500 no") + b"\r\n")
            if word == b"QUIT":
                break
        writer.close()

    async def case(self, url: str, reach: Reach = RESTRICTED, times: int = 1) -> dict[str, object]:
        """Fetch a link with a transport of its own; what came, and who was connected to."""
        before, sink, outcome = dict(self.hits), Collect(), ""
        transport = create()
        try:
            for _ in range(times):
                sink.data.clear()
                await transport.fetch(Request(url, reach=reach, fresh=True), sink)
            outcome = sink.data.decode()
        except DownloadError as error:
            outcome = error.code.name
        finally:
            await transport.close()
        private = sum(self.hits[address] - before[address] for address in PRIVATE)
        return {"outcome": outcome, "private": private}

    async def run(self) -> dict[str, dict[str, object]]:
        await self.start()
        self.names(both=(PRIVATE[0], PUBLIC), inside=(PRIVATE[0],), good=(PUBLIC,))
        base, done = f"http://{PUBLIC}:{self.port}", {}
        done["public"] = await self.case(f"{base}/a")
        done["open"] = await self.case(f"http://{PRIVATE[0]}:{self.port}/a", OPEN)
        targets = [*PRIVATE, "inside.example", "2130706433", "[::ffff:10.9.8.7]"]
        for target in targets:
            self.moved["/go"] = f"http://{target}:{self.port}/x"
            done[f"redirect {target}"] = await self.case(f"{base}/go")
        done["both"] = await self.case(f"http://both.example:{self.port}/a")
        done["name"] = await self.case(f"http://good.example:{self.port}/a")
        # The name means another place as soon as it has been looked at once.
        self.on_request = lambda path: self.names(good=(PRIVATE[0],))
        done["rebound"] = await self.case(f"http://good.example:{self.port}/a", times=2)
        done["rebound later"] = await self.case(f"http://good.example:{self.port}/a")
        self.names(good=(PUBLIC,))
        self.moved["/go"] = f"http://good.example:{self.port}/x"
        done["rebound by a redirect"] = await self.case(f"http://good.example:{self.port}/go")
        self.on_request = lambda path: None
        high, low = divmod(self.port, 256)
        numbers = PRIVATE[0].replace(".", ",")
        for name, reply in {
            "ftp pasv": f"227 Entering ({numbers},{high},{low})",
            "ftp epsv": f"229 Extended (|1|{PRIVATE[0]}|{self.port}|)",
        }.items():
            self.passive = reply.encode()
            done[name] = await self.case(f"ftp://{PUBLIC}:{self.ftp}/a")
        for server in self._servers:
            server.close()
        return done


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def main() -> None:
    ip("link", "set", "lo", "up")
    for address in (PUBLIC, *PRIVATE[:-1]):
        ip("addr", "add", f"{address}/32", "dev", "lo")
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.chmod(0o644)
        subprocess.run(["mount", "--bind", str(path), "/etc/hosts"], check=True)
        print(json.dumps(asyncio.run(Lab(path).run())))


if __name__ == "__main__":
    main()
