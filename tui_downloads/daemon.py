"""The service: one lock, one engine, one API in one process, from start to a bounded end.

Order matters. The lock is taken before anything is read, the engine starts before anybody can ask, listeners close
before the engine does, and the lock is given back last, so that whoever gets it next finds everything written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from msgspec import Struct, field

from tui_downloads.api.app import DialectFactory, Root, build
from tui_downloads.api.auth import Auth
from tui_downloads.api.links import signing_key
from tui_downloads.api.native.settings import SafeSettings
from tui_downloads.api.quota import QuotaKeeper
from tui_downloads.api.server import Listener, Server, check_listener, parse_listener, tls_context
from tui_downloads.api.settings import ApiSettings
from tui_downloads.api.tokens import Tokens, write_private
from tui_downloads.config.paths import HOME, Paths
from tui_downloads.config.settings import Settings
from tui_downloads.core.errors import Code, Exit, RequestError
from tui_downloads.core.links import redact_text
from tui_downloads.engine.base import Engine
from tui_downloads.engine.lock import EngineLock, Owner, held_by

log = logging.getLogger(__name__)

DRAIN = 5.0
"""Seconds running requests have to end."""
CLOSE = 30.0
"""Seconds the engine has to write its checkpoint."""
LOG_BYTES = 4 * 1024 * 1024
LOG_FILES = 5


class Plan(Struct, frozen=True):
    """Where a service lives and where it listens."""

    state: str
    """The state folder: lock, tokens, signing key, logs."""
    lock: str
    socket: str
    tokens: str
    folder: str
    """The default download folder, to which no-auth listeners are confined."""
    listeners: tuple[Listener, ...] = ()
    allow_remote: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    api: ApiSettings = field(default_factory=ApiSettings)
    what: str = "serve"
    """What the lock says that we are: serve or screen."""


class Daemon:
    """An engine with its API."""

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        *,
        dialects: Sequence[DialectFactory] = (),
        lock: EngineLock | None = None,
        safe_settings: SafeSettings | None = None,
        reload: Callable[[], Awaitable[None]] | None = None,
        say: Callable[[str], None] = lambda text: None,
        told: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self.engine = engine
        self.plan = plan
        self.tokens = Tokens(plan.tokens)
        self.auth = Auth(self.tokens, plan.api, folder=plan.folder)
        self._dialects = tuple(dialects)
        self._safe = safe_settings
        self._reload = reload
        self._say = say
        self._told = told
        # What is open while the service runs.
        self.lock = lock or EngineLock(plan.lock)
        self.root: Root | None = None
        self.server: Server | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stop: asyncio.Event | None = None

    @property
    def addresses(self) -> list[str]:
        """Say where TCP listens, as URLs."""
        return self.server.addresses if self.server else []

    async def start(self) -> None:
        """Take the lock, start the engine, then listen.

        Raises:
            RequestError: IN_USE names who holds the state; INVALID_OPTION for a listener that may not be opened.
        """
        self._stop = asyncio.Event()
        self.lock.acquire(self.plan.what, self.plan.socket)
        try:
            await self.engine.start()
            try:
                await self._listen()
            except BaseException:
                await self.leave()
                await self.engine.close()
                raise
        except BaseException:
            self.lock.release()
            raise

    async def _listen(self) -> None:
        plan = self.plan
        for listener in plan.listeners:
            self._permit(listener)
        server = self._serve(tls_context(plan.tls_cert, plan.tls_key) if plan.tls_cert else None)
        await server.start(plan.listeners)
        try:
            for address in self.addresses:
                self._say(f"Listening at {address}")
            await self._tell()
            # Last, so that whoever finds the socket finds everything open.
            if plan.socket:
                await server.open_socket(Path(plan.socket))
        except BaseException:
            await server.close(0.0)
            raise

    def _serve(self, tls: ssl.SSLContext | None) -> Server:
        """Put the API before the engine; nothing listens yet."""
        self.root = build(
            self.engine,
            auth=self.auth,
            settings=self.plan.api,
            key=signing_key(Path(self.plan.state) / "links.key"),
            dialects=self._dialects,
            safe_settings=self._safe or SafeSettings(self.engine),
        )
        self.server = Server(self.root, tls=tls)
        self._keeper = asyncio.create_task(QuotaKeeper(self.root.context).run(), name="quotas")
        return self.server

    async def join(self) -> list[str]:
        """Open the doors of an engine that somebody else keeps, under a lock that they hold: the screen's.

        The Unix socket always opens; TCP listeners that can't are left out, and why is given, a sentence for each.

        Raises:
            RequestError: the Unix socket can't be opened.
        """
        server = self._serve(None)
        await server.start()
        await server.open_socket(Path(self.plan.socket))
        refused = []
        for listener in self.plan.listeners:
            try:
                await self.open_endpoint(listener)
            except RequestError as error:
                log.warning("the endpoint stays closed: %s", error.message)
                refused.append(error.message)
        return refused

    async def leave(self) -> None:
        """Close the doors; engine and lock are somebody else's to close."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self.server is not None:
            await self.server.close(DRAIN)
            self.server = None

    def _permit(self, listener: Listener) -> None:
        """Check a listener, and make the first token where it needs one."""
        check_listener(listener, allow_remote=self.plan.allow_remote, tokens=True)
        if not listener.no_auth:
            path = ensure_admin_token(self.tokens, self.admin_token)
            if path is not None:
                self._say(f"Made an administrator's token; it is in {path}")

    @property
    def admin_token(self) -> Path:
        """Where the first token is put."""
        return Path(self.plan.state) / "admin-token"

    async def open_endpoint(self, listener: Listener) -> str:
        """Listen at one more address while running, and give its URL (the screen's switch).

        Raises:
            RequestError: IN_USE or INVALID_OPTION.
        """
        if self.server is None:
            raise RequestError(Code.NO_SERVICE, "The service does not run.")
        self._permit(listener)
        if self.plan.tls_cert and self.server.tls is None:
            self.server.tls = tls_context(self.plan.tls_cert, self.plan.tls_key)
        address = await self.server.open(listener)
        await self._tell()
        return address

    async def close_endpoints(self) -> None:
        """Stop listening on TCP, and send away who came in there."""
        if self.server is not None:
            for listener in self.server.listeners:
                await self.server.shut(listener)
            await self._tell()

    async def _tell(self) -> None:
        """Say in the engine's view where TCP listens."""
        if self._told is not None:
            await self._told(", ".join(self.addresses))

    def stop(self) -> None:
        """Ask `run` to end; a second time hurries it."""
        if self._stop is not None:
            self._stop.set()

    async def close(self) -> None:
        """Stop listening, let the engine write its checkpoint, give the lock back; bounded in time."""
        try:
            await self.leave()
            async with asyncio.timeout(CLOSE):
                await self.engine.close()
        except TimeoutError:
            log.error("the engine did not close in %d seconds; what is not written is fetched again", CLOSE)
        finally:
            self.lock.release()

    async def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, and close. SIGHUP reloads."""
        await self.start()
        assert self._stop is not None
        loop = asyncio.get_running_loop()
        caught = []
        for name, act in (("SIGTERM", self.stop), ("SIGINT", self.stop), ("SIGHUP", self._hangup)):
            with contextlib.suppress(AttributeError, NotImplementedError, ValueError, RuntimeError):
                number = getattr(signal, name)
                loop.add_signal_handler(number, act)
                caught.append(number)
        try:
            notify("READY=1")
            await self._stop.wait()
            notify("STOPPING=1")
        finally:
            await self.close()
            for number in caught:
                loop.remove_signal_handler(number)

    def _hangup(self) -> None:
        task = asyncio.ensure_future(self._reloaded())
        task.add_done_callback(lambda done: done.exception())

    async def _reloaded(self) -> None:
        notify("RELOADING=1")
        try:
            if self._reload is not None:
                await self._reload()
            log.info("the settings were read again")
        except Exception as exc:
            log.error("the settings could not be read again and stay as they were: %s", exc)
        self._renew_certificate()
        notify("READY=1")

    def _renew_certificate(self) -> None:
        """Read the certificate again, for the connections that come; a broken one changes nothing."""
        plan, server = self.plan, self.server
        if server is None or server.tls is None:
            return
        try:
            # Tried apart first: a context that took a certificate and not its key would serve nobody.
            tls_context(plan.tls_cert, plan.tls_key)
            server.tls.load_cert_chain(plan.tls_cert, plan.tls_key or None)
        except (RequestError, OSError) as exc:
            log.error("the certificate could not be read again and stays as it was: %s", exc)


def make_plan(
    settings: Settings,
    paths: Paths,
    *,
    listen: Sequence[str] = (),
    allow_remote: bool = False,
    allow_hosts: Sequence[str] = (),
    allow_download: bool = False,
    tls: tuple[str, str] = ("", ""),
    what: str = "serve",
) -> Plan:
    """Give the plan that settings and flags make together.

    Raises:
        RequestError: INVALID_OPTION; a listener can't be read, or a key has no certificate.
    """
    endpoint = settings.endpoint
    certificate, key = tls[0] or endpoint.tls_cert, tls[1] or endpoint.tls_key
    if key and not certificate:
        raise RequestError(
            Code.INVALID_OPTION, "There is a TLS key and no certificate.", next_step="Give the certificate: --tls-cert"
        )
    api = ApiSettings(
        allow_hosts=(*endpoint.allow_hosts, *allow_hosts),
        allow_origins=endpoint.allow_origins,
        allow_download=endpoint.allow_download,
        strict_hoody_download=endpoint.strict_allow_download or allow_download,
        hoody_max_running=endpoint.max_running,
        masv_api=endpoint.masv_api,
        alfresco_max_content=endpoint.alfresco_max_content,
        alfresco_cleaner_age=endpoint.alfresco_cleaner_age,
        aria2_secret=endpoint.aria2_secret,
    )
    return Plan(
        state=paths.state,
        lock=paths.lock,
        socket=paths.socket,
        tokens=paths.tokens,
        folder=settings.folder or paths.downloads,
        listeners=tuple(parse_listener(text) for text in (*endpoint.listen, *listen)),
        allow_remote=allow_remote,
        tls_cert=certificate,
        tls_key=key,
        api=api,
        what=what,
    )


def ensure_admin_token(tokens: Tokens, path: Path) -> Path | None:
    """Make an administrator's token when there is no token at all, and give the file it was put in."""
    if tokens.list():
        return None
    secret = tokens.create("admin", scope="admin", private=True)
    write_private(path, (secret + "\n").encode())
    return path


def describe_owner(lock: str) -> Owner | None:
    """Say who holds a state folder, or None when nobody does."""
    return held_by(lock)


# -- logs


class OneLine(logging.Formatter):
    """Writes each record so that nothing in it can forge another line, reach a terminal as a command, or tell a secret.

    What failed is quoted by many an exception, and that may be a signed link.
    """

    def format(self, record: logging.LogRecord) -> str:
        kept = record.exc_text
        if record.exc_info:
            record.exc_text = None  # what another formatter has written of it is not ours to pass on
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escaped(redact_text(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:
        return "\n".join(f"    {escaped(line)}" for line in redact_text(super().formatException(ei)).split("\n"))


def escaped(text: str) -> str:
    """Make control characters, and characters that reorder text, visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class PrivateFile(RotatingFileHandler):
    """A rotating log that only its owner can read, whatever the umask."""

    def _open(self):  # type: ignore[no-untyped-def]
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(fd, "a", encoding=self.encoding, errors="backslashreplace")


def set_up_logs(state: str, *, file: str = "", level: str = "info") -> Path | None:
    """Send logs to a rotating file, or to the journal when systemd started us; give the file.

    The audit log is a file of its own beside it.
    """
    folder = Path(state)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = logging.getLogger()
    root.setLevel(getattr(logging, level.upper(), logging.INFO))
    path: Path | None = Path(file) if file else folder / "tui-downloads.log"
    handler: logging.Handler
    if os.environ.get("JOURNAL_STREAM") and not file:
        handler, path = logging.StreamHandler(), None
        handler.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    else:
        handler = PrivateFile(path or "", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True)
        handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    audit = logging.getLogger("tui_downloads.audit")
    audit.propagate = False
    audit.setLevel(logging.INFO)
    lines = PrivateFile(folder / "audit.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True)
    lines.setFormatter(logging.Formatter("%(message)s"))
    audit.addHandler(lines)
    return path


# -- processes


def notify(state: str) -> None:
    """Tell systemd how we are, where it asked for it."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place or not hasattr(socket, "AF_UNIX"):
        return
    if place.startswith("@"):
        place = "\0" + place[1:]
    if state.startswith("RELOADING"):
        state += f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(place)
        channel.send(state.encode())


def spawn(
    arguments: Sequence[str], lock: str, *, say: Callable[[str], None] = lambda text: None, seconds: float = 15.0
) -> Owner:
    """Start a service of its own session that outlives us, and wait until it holds the lock and answers.

    `arguments` are those of the program, such as `["serve"]`. What it says until then is passed on to `say`. Used by
    `serve --daemon` and by "keep in background".

    Raises:
        RequestError: it did not come up, and why.
    """
    null = subprocess.DEVNULL
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "tui_downloads", *arguments],
            stdin=null,
            stdout=null,
            stderr=said,
            start_new_session=True,
            close_fds=True,
            env=_environment(),
            cwd="/" if os.sep == "/" else None,
        )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            owner = held_by(lock)
            if owner is not None and owner.pid == child.pid and (not owner.socket or answers(owner.socket)):
                for line in _lines(said):
                    say(line)
                return owner
            if child.poll() is not None:
                raise _stillborn(child.returncode, owner, _lines(said))
            time.sleep(0.05)
    child.terminate()
    raise RequestError(Code.NO_SERVICE, "The service did not come up.", next_step="Look into its log.")


def _environment() -> dict[str, str]:
    """Give our environment to a process that begins in another folder."""
    found = dict(os.environ)
    if home := found.get(HOME, ""):
        found[HOME] = os.path.abspath(os.path.expanduser(home))
    return found


def _lines(file: IO[bytes]) -> list[str]:
    """Read what a service said."""
    file.seek(0)
    return [line for line in file.read(64 * 1024).decode("utf-8", "replace").splitlines() if line.strip()]


def _stillborn(status: int, owner: Owner | None, said: Sequence[str]) -> RequestError:
    """Say why a service ended at once."""
    if owner is not None:
        return RequestError(
            Code.IN_USE,
            f"The state folder is in use by {owner}.",
            next_step="Attach to it with: tui-downloads attach, or stop it first.",
        )
    code = {Exit.USAGE: Code.INVALID_OPTION, Exit.IN_USE: Code.IN_USE}.get(status, Code.NO_SERVICE)
    if said:
        # Its sentence has the next step in it.
        return RequestError(code, f"The service did not start: {said[-1]}", next_step=" ")
    return RequestError(code, "The service ended at once.", next_step="Look into its log.")


def answers(path: str) -> bool:
    """Say whether somebody listens at a Unix socket."""
    if not hasattr(socket, "AF_UNIX"):
        return True
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(1.0)
            channel.connect(path)
    except OSError:
        return False
    return True


class EndpointSwitch:
    """The screen's switch of the HTTP endpoint."""

    def __init__(self, daemon: Daemon, *listeners: Listener) -> None:
        self._daemon = daemon
        self._listeners = listeners

    @property
    def listening(self) -> str:
        """Where it listens, or empty text."""
        return ", ".join(self._daemon.addresses)

    async def toggle(self) -> str:
        """Open or close the endpoint and say what it is like then.

        Raises:
            RequestError: the address is taken or not allowed.
        """
        if self._daemon.addresses:
            await self._daemon.close_endpoints()
            return "The HTTP endpoint is off."
        known = self._daemon.tokens.list()
        for listener in self._listeners:
            await self._daemon.open_endpoint(listener)
        made = "" if self._daemon.tokens.list() == known else f" Its first token is in {self._daemon.admin_token}."
        return f"The HTTP endpoint listens at {self.listening}.{made}"
