"""Files and locks that are safe where another account can write into the same folder."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nostro.spine.postgres.server import PostgresError


def open_own(path: Path, flags: int) -> int:
    """A descriptor of a file, never through a symbolic link; a new one is owned by whoever owns its folder."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    if os.geteuid() == 0:
        # What root leaves in a person's folder must not lock that person out the next time.
        folder = os.stat(path.parent)
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Inside, no other process holds this lock; waits for it. A killed holder's lock is free at once."""
    descriptor = open_own(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def take(descriptor: int) -> bool:
    """Take the lock of an open file for ourselves alone, if nobody else holds any part of it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_folder(folder: Path, mode: int) -> None:
    """A folder of exactly this mode, with its parents, whatever the umask; one that exists stays as it is."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode)
            folder.chmod(mode)
        except FileExistsError:
            pass


def owned_by_root(folder: Path) -> None:
    """Refuses a folder that anybody but root could have filled."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise PostgresError(
            "postgres_rights", f"Make {folder} a folder owned by root that nobody else may write to.", folder=folder
        )


def replace(path: Path, text: str, mode: int) -> None:
    """Write a file in one step: a reader sees the old one or the new one."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
    os.replace(new, path)


def read(path: Path, last: int = 1 << 20) -> str:
    """The last bytes of a text file, never through a symbolic link; empty when it is absent."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    except OSError as error:
        if error.errno == errno.ELOOP:
            return ""
        raise
    with open(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - last))
        return file.read(last).decode("utf-8", "replace")


@contextmanager
def named_errors(folder: Path) -> Iterator[None]:
    """Turns what the operating system refuses into our named errors, with the file it refused."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise PostgresError(
                "postgres_rights",
                f"Let this user write to {folder}, or set NOSTRO_HOME to a folder of your own.",
                file=where,
                cause=error.strerror,
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PostgresError(
                "postgres_disk_full", "Free at least 200 MB, or set NOSTRO_HOME to another disk.", file=where
            ) from error
        raise
