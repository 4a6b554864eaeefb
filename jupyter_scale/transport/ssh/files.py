"""Files of a host: private, and whole or not at all.

A file is written aside, in the same directory, and renamed when it is complete: nobody ever reads
half of one. Paths are absolute, or begin in the user's home.

Reading goes through ``cat``: paramiko's SFTP copies what waits to be read again and again, and is
three times slower.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import posixpath
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

import paramiko

from jupyter_scale.errors import HostError
from jupyter_scale.transport.ssh.commands import run
from jupyter_scale.transport.ssh.connection import Channel, Connection
from jupyter_scale.transport.ssh.execution import FAILURES, Execution

_HANGS = "the host does not answer, its disk may hang"

Progress = Callable[[int, int], None]
"""Called with the bytes that have travelled, and all that will."""

PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700
_PART = ".part"
_PIECE_BYTES = 1 << 18
_STALL_S = 60.0
_OLD_PART_S = 24 * 3600
_DF_TIMEOUT_S = 10.0
_DF_FIELDS = 6


class Files:
    """A file transfer session on a connection; it belongs to one thread, and has to be closed.

    Parameters
    ----------
    connection
        To the host.
    stall_s : float
        How long the host may take for the next answer.

    Raises
    ------
    HostError
        When the host has no SFTP; `HostLost` when the connection is broken.
    """

    def __init__(self, connection: Connection, *, stall_s: float = _STALL_S) -> None:
        self._connection, self._stall_s = connection, stall_s
        self._channel: Channel = connection.open_session()
        try:
            self._channel.settimeout(stall_s)
            self._channel.invoke_subsystem("sftp")
            self._sftp = paramiko.SFTPClient(self._channel)
        except FAILURES as error:
            connection.end_session(self._channel)
            if not connection.is_open:
                raise connection.lost() from error
            why, advice = "it offers no SFTP", "Its sshd_config needs: Subsystem sftp internal-sftp"
            raise HostError(connection.host, "files", why, advice) from error

    def close(self) -> None:
        """Give the session back."""
        self._connection.end_session(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put_bytes(self, data: bytes, path: str, *, mode: int = PRIVATE_FILE) -> None:
        """Write a file; one that is there is replaced.

        Raises
        ------
        HostError
            When the host refuses, with what it says and the path; nothing is left of it then.
            `HostLost` when the connection broke.
        """
        self._put(io.BytesIO(data), len(data), path, mode, None)

    def put_file(
        self,
        source: Path,
        path: str,
        *,
        mode: int = PRIVATE_FILE,
        on_progress: Progress | None = None,
    ) -> None:
        """Send a file; one that is there is replaced. See `put_bytes`."""
        with source.open("rb") as file:
            self._put(file, os.fstat(file.fileno()).st_size, path, mode, on_progress)

    def put_content(
        self, source: Path | bytes, directory: str, *, on_progress: Progress | None = None
    ) -> str:
        """Have content in a private directory, under the SHA-256 of it; return its path.

        What is there under that name already is not sent again. Parts that a broken transfer
        left there a day ago are removed.

        Raises
        ------
        HostError
            See `put_bytes`.
        """
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            name = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            path = posixpath.join(directory, name)
            if self.size(path) == size:
                if on_progress is not None:
                    on_progress(size, size)
                return path
            self.make_directory(directory)
            self._remove_old_parts(directory)
            self._put(file, size, path, PRIVATE_FILE, on_progress)
        return path

    def get_bytes(self, path: str, *, most_bytes: int = 1 << 28) -> bytes:
        """Return the content of a file.

        Raises
        ------
        HostError
            When it is not there, larger than `most_bytes`, or cannot be read.
        """

        def check(_: int, size: int) -> None:
            if size > most_bytes:
                raise self._error(
                    path, f"it has {size} bytes or more, and {most_bytes} are allowed"
                )

        target = io.BytesIO()
        self._get(path, target, check)
        return target.getvalue()

    def get_file(self, path: str, target: Path, *, on_progress: Progress | None = None) -> None:
        """Fetch a file, private and whole or not at all. See `get_bytes`."""
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}{_PART}")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                self._get(path, file, on_progress)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes, None when there is none."""
        with self._explained(path):
            try:
                return self._sftp.stat(path).st_size
            except FileNotFoundError:
                return None

    def make_directory(self, path: str) -> None:
        """Have a directory, and those above it; what is made is private."""
        with self._explained(path):
            self._make(path.rstrip("/"))

    def _make(self, path: str) -> None:
        if not path:
            return
        try:
            mode = self._sftp.stat(path).st_mode or 0
        except FileNotFoundError:
            self._make(posixpath.dirname(path))
            try:
                self._sftp.mkdir(path, PRIVATE_DIRECTORY)
                mode = stat.S_IFDIR
            except PermissionError:
                raise
            except OSError:  # made by somebody else in that moment, or it is not there
                mode = self._sftp.stat(path).st_mode or 0
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, "there is a file of that name")

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory."""
        with self._explained(path):
            return self._sftp.listdir(path)

    def remove(self, path: str) -> None:
        """Remove a file; gone already is fine."""
        with self._explained(path), contextlib.suppress(FileNotFoundError):
            self._sftp.remove(path)

    def _put(
        self, source: IO[bytes], size: int, path: str, mode: int, on_progress: Progress | None
    ) -> None:
        part = f"{path}.{secrets.token_hex(4)}{_PART}"
        with self._explained(path, size):
            try:
                with self._sftp.open(part, "wxb") as file:
                    file.chmod(mode)
                    file.set_pipelined(True)
                    done = 0
                    while data := source.read(_PIECE_BYTES):
                        file.write(data)
                        done += len(data)
                        if on_progress is not None:
                            on_progress(done, size)
                    file.set_pipelined(False)
                self._finish(part, path, done)
            except BaseException:
                self._discard(part)
                raise

    def _finish(self, part: str, path: str, size: int) -> None:
        there = self._sftp.stat(part).st_size
        if there != size:
            raise OSError(f"only {there} of {size} bytes arrived")
        self._sftp.posix_rename(part, path)

    def _discard(self, part: str) -> None:
        if self._connection.is_open and not self._channel.closed:
            with contextlib.suppress(*FAILURES):
                self._sftp.remove(part)

    def _remove_old_parts(self, directory: str) -> None:
        with self._explained(directory):
            for entry in self._sftp.listdir_attr(directory):
                age_s = time.time() - (entry.st_mtime or 0)
                if entry.filename.endswith(_PART) and age_s > _OLD_PART_S:
                    self._discard(posixpath.join(directory, entry.filename))

    def _get(self, path: str, target: IO[bytes], on_progress: Progress | None) -> None:
        with self._explained(path):
            size = self._sftp.stat(path).st_size or 0
        if on_progress is not None:
            on_progress(0, size)
        begin_s = self._connection.timeouts.channel_s
        argv = ["cat", "--", path]
        execution = Execution(self._connection, argv, env=None, cwd="", timeout_s=begin_s)
        try:
            execution.close_input()
            done = self._stream(execution, path, target, on_progress, size)
            status = execution.status()
            said = execution.receive_error().decode(errors="replace").strip()
        finally:
            execution.close()
        if status:
            raise self._error(path, said or f"cat ended with status {status}")
        if done < size:
            raise self._error(path, f"only {done} of {size} bytes came")

    def _stream(
        self,
        execution: Execution,
        path: str,
        target: IO[bytes],
        on_progress: Progress | None,
        size: int,
    ) -> int:
        """Write what a command writes; return how much that was."""
        done = 0
        while execution.wait_for_output(time.monotonic() + self._stall_s):
            if not (data := execution.receive()) and execution.is_output_at_end:
                return done
            target.write(data)
            done += len(data)
            if on_progress is not None:
                on_progress(done, max(size, done))
        raise self._error(path, _HANGS)

    @contextlib.contextmanager
    def _explained(self, path: str, size: int = 0) -> Iterator[None]:
        """Turn what the host says into an error that names it and the path."""
        try:
            yield
        except TimeoutError as error:
            raise self._error(path, _HANGS) from error
        except FAILURES as error:
            if self._channel.closed or not self._connection.is_open:
                raise self._connection.lost() from error
            raise self._error(path, self._reason(error, path, size)) from error

    def _reason(self, error: Exception, path: str, size: int) -> str:
        number = getattr(error, "errno", None)
        if number == errno.EACCES:
            return f"{self._connection.config.user} may not do that there (permission denied)"
        if number == errno.ENOENT:
            return "there is no such file or directory"
        if size and (free := self._free_bytes(path)) is not None and free < size:
            return f"its disk is full: {free >> 20} MB are free, {size >> 20} MB are needed"
        return getattr(error, "strerror", None) or str(error) or type(error).__name__

    def _free_bytes(self, path: str) -> int | None:
        """Return how much room there is beside a path: SFTP only says that something failed."""
        directory = posixpath.dirname(path) or "."
        try:
            done = run(self._connection, ["df", "-Pk", directory], timeout_s=_DF_TIMEOUT_S)
        except HostError:
            return None
        fields = done.stdout.decode(errors="replace").splitlines()[-1:]
        words = fields[0].split() if fields else []
        return int(words[3]) * 1024 if len(words) >= _DF_FIELDS and words[3].isdigit() else None

    def _error(self, path: str, why: str) -> HostError:
        return HostError(self._connection.host, "files", f"{path}: {why}")
