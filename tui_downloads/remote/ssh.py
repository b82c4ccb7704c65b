"""Reaching a service on another machine through the system's ssh: no port is opened there and no token is needed.

One ssh logs in and stays as the master; asking where the socket is and forwarding it go through it, so there is one
login, with whatever ssh itself asks. What ssh asks and says until then is between it and the user; afterwards the
terminal belongs to the screen, and ssh is heard no more. When the connection is lost it is made again, as often as it
takes, where that needs no question: with keys, an agent, or a certificate.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field

from tui_downloads.core.errors import Code, RequestError

from .address import Address

LOGIN_SECONDS = 120.0
AGAIN_SECONDS = 30.0
"""Of a login without questions; also the longest pause between two of them."""
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 20.0

# What `config.paths` does, in the shell of the other machine; a socket that is there wins over one that should be.
FIND = r"""
u=$(id -u)
for s in \
 "${TUI_DOWNLOADS_HOME:+$TUI_DOWNLOADS_HOME/runtime/engine.sock}" \
 "${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/tui-downloads/engine.sock}" \
 "/run/user/$u/tui-downloads/engine.sock" \
 /tmp/tui-downloads-"$u"-*/engine.sock
do [ -n "$s" ] && [ -S "$s" ] && [ -O "$s" ] && { printf 'socket=%s\n' "$s"; exit 0; }; done
printf 'socket=\n'
"""

_DESTINATION = re.compile(r"(?:[A-Za-z0-9_.+-]+@)?(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*)")


class Destination(Struct, frozen=True):
    """Where ssh goes."""

    host: str
    """`[user@]host`, or a name from the user's ssh configuration."""
    port: int | None = None


def parse_destination(text: str) -> Destination:
    """Read `ssh://[user@]host[:port]`.

    Raises:
        RequestError: INVALID_OPTION; it is none, or would be taken for an option by ssh.
    """
    place = text.removeprefix("ssh://").rstrip("/")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdigit() or host.endswith(":"):
        host, port = place, ""
    if not _DESTINATION.fullmatch(host) or (port and not 0 < int(port) < 65536):
        raise RequestError(
            Code.INVALID_OPTION, f"{text[:100]!r} is no ssh destination; write ssh://[user@]host[:port]."
        )
    return Destination(host.replace("[", "").replace("]", ""), int(port) if port else None)


class Tunnel(Struct):
    """A forwarded socket. `open` blocks while ssh logs in, and so belongs before the screen starts.

    With `lasting` a thread of its own makes a lost connection again.
    """

    destination: Destination
    remote_socket: str = ""
    """Path on the other machine; empty looks for it."""
    options: Sequence[str] = ()
    """Further arguments for ssh, from the user's own command line or settings."""
    program: str = "ssh"
    lasting: bool = True
    # The folder of both sockets, the ssh that holds the connection, what hears it, what watches it and its end.
    _folder: Path | None = None
    _master: subprocess.Popen[bytes] | None = None
    _keeper: threading.Thread | None = None
    _closing: threading.Event = field(default_factory=threading.Event)

    def open(self, *, read_only: bool = False) -> Address:
        """Log in, find the socket and forward it; give where it is here.

        Raises:
            RequestError: NO_SERVICE, UNAUTHORIZED or DEPENDENCY_MISSING.
        """
        if shutil.which(self.program) is None:
            raise RequestError(Code.DEPENDENCY_MISSING, "The program ssh is not installed.")
        # The path of a socket is short everywhere, so the system's temporary folder is used and made ours alone.
        self._folder = Path(tempfile.mkdtemp(prefix="td-"))
        try:
            self._log_in(LOGIN_SECONDS)
            self.remote_socket = self.remote_socket or self._find()
            self._forward()
            if self.lasting:
                self._keeper = threading.Thread(target=self._keep, name="tui-downloads-ssh", daemon=True)
                self._keeper.start()
            return Address(socket=str(self._folder / "s"), read_only=read_only)
        except BaseException:
            self.close()
            raise

    def _command(self, arguments: Sequence[str]) -> list[str]:
        port = ["-p", str(self.destination.port)] if self.destination.port else []
        control = ["-o", f"ControlPath={self._folder}/c"]
        # `--` keeps a host from being taken for an option, whatever it looks like.
        return [self.program, *control, *port, *self.options, *arguments, "--", self.destination.host]

    def _forward(self) -> None:
        where = f"{self._folder}/s:{self.remote_socket}"
        self._ask(["-O", "forward", "-L", where], "The socket could not be forwarded.")

    def _keep(self) -> None:
        """Make the connection again whenever it is lost; the sockets stay where they are."""
        pause = LOOK_SECONDS
        while not self._closing.wait(pause):
            if self.alive:
                pause = LOOK_SECONDS
                continue
            try:
                self._clear()
                self._log_in(AGAIN_SECONDS, questions=False)
                self._forward()
                pause = LOOK_SECONDS
            except (RequestError, OSError):
                self._end_master()
                pause = min(AGAIN_SECONDS, pause * 2)

    def _log_in(self, seconds: float, *, questions: bool = True) -> None:
        keep = ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", "-o", "StreamLocalBindMask=0177"]
        if not questions:
            keep += ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={int(seconds)}"]
        heard = threading.Event()
        self._master = subprocess.Popen(
            self._command(["-M", "-N", "-T", "-o", "ControlPersist=no", *keep]),
            stdin=None if questions else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        ear = threading.Thread(target=_pass_on, args=(self._master, heard, questions), daemon=True)
        ear.start()
        try:
            self._await_login(self._master, seconds)
        except RequestError:
            # Why it failed is said before we say that it did.
            ear.join(1.0)
            raise
        finally:
            heard.set()

    def _await_login(self, master: subprocess.Popen[bytes], seconds: float) -> None:
        assert self._folder is not None
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._closing.is_set():
            if (self._folder / "c").exists():
                return
            if master.poll() is not None:
                raise RequestError(
                    Code.UNAUTHORIZED,
                    f"ssh could not log in to {self.destination.host}.",
                    next_step="Try it by hand: ssh " + self.destination.host,
                )
            time.sleep(0.05)
        raise RequestError(Code.NO_SERVICE, f"ssh did not log in to {self.destination.host} in time.")

    def _find(self) -> str:
        found = self._run([*self._command(["-T"]), "sh -s"], FIND.encode())
        path = ""
        for line in found.stdout.decode("utf-8", "replace").splitlines():
            # A login shell may greet; only our own line counts.
            if line.startswith("socket="):
                path = line.removeprefix("socket=")
        if not path.startswith("/"):
            raise RequestError(
                Code.NO_SERVICE,
                f"No service runs for this user on {self.destination.host}.",
                next_step="Start one there with: tui-downloads serve --daemon",
            )
        return path

    def _ask(self, arguments: Sequence[str], failure: str) -> None:
        if self._run(self._command(arguments)).returncode != 0:
            raise RequestError(Code.NO_SERVICE, failure, next_step="Look at AllowStreamLocalForwarding of its sshd.")

    def _run(self, command: list[str], given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        try:
            if given is None:
                return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_SECONDS)
            return subprocess.run(command, input=given, capture_output=True, timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            raise RequestError(Code.NO_SERVICE, f"{self.destination.host} does not answer.") from None

    @property
    def alive(self) -> bool:
        """Whether ssh still holds the tunnel."""
        return self._master is not None and self._master.poll() is None

    def _end_master(self) -> None:
        if self._master is not None:
            self._master.terminate()
            try:
                self._master.wait(5.0)
            except subprocess.TimeoutExpired:
                self._master.kill()
                self._master.wait()
            self._master = None

    def _clear(self) -> None:
        """Remove the sockets that a lost connection has left."""
        for name in ("s", "c"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._folder}/{name}")

    def close(self) -> None:
        """End ssh and remove what was made here."""
        self._closing.set()
        if self._keeper is not None:
            self._keeper.join(AGAIN_SECONDS)
            self._keeper = None
        self._end_master()
        if self._folder is not None:
            self._clear()
            with contextlib.suppress(OSError):
                self._folder.rmdir()
            self._folder = None

    def __enter__(self) -> Tunnel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pass_on(ssh: subprocess.Popen[bytes], heard: threading.Event, aloud: bool) -> None:
    """Read what ssh says, and say it as long as the login lasts; its pipe must not fill up."""
    assert ssh.stderr is not None
    with ssh.stderr:
        while piece := os.read(ssh.stderr.fileno(), 4096):
            if aloud and not heard.is_set():
                sys.stderr.write(piece.decode("utf-8", "replace"))
                sys.stderr.flush()
