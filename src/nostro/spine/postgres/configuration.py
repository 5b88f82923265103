"""The three configuration files of an embedded server, sized to the machine."""

import os
import shutil
from pathlib import Path

from nostro.spine.postgres.files import read, replace

_MB = 1 << 20


def write(base: Path, data: Path, socket: Path, logs: Path, login: str) -> Path:
    """Write postgresql.conf, hba.conf and ident.conf into the base folder; returns the first."""
    mode = 0o644 if os.geteuid() == 0 else 0o600
    hba, ident, main = base / "hba.conf", base / "ident.conf", base / "postgresql.conf"
    replace(
        hba,
        "# Written at each start. Nobody comes in over TCP, nobody without being who they say.\nlocal all all peer map=nostro\n",
        mode,
    )
    # Root may become that account anyway; naming it here saves the detour, and nobody else is named.
    people = dict.fromkeys([login, "root"])
    roles = "/^(nostro_owner|nostro_writer|nostro_walled|nostro_p_.+)$"
    replace(ident, "# Written at each start.\n" + "".join(f'nostro "{_doubled(p)}" {roles}\n' for p in people), mode)
    settings: dict[str, object] = {
        "hba_file": hba,
        "ident_file": ident,
        "listen_addresses": "",
        "unix_socket_directories": socket,
        "unix_socket_permissions": "0700",
        "cluster_name": "nostro",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_wal_size": f"{_wal_mb(data)}MB",
        "checkpoint_timeout": "15min",
        "shared_buffers": f"{shared_buffers_mb()}MB",
        # With 2 GB of shared buffers: 64 MB for a sort, 256 MB for the indexes built when a day closes.
        "work_mem": f"{max(4, shared_buffers_mb() // 32)}MB",
        "maintenance_work_mem": f"{max(32, shared_buffers_mb() // 8)}MB",
        "dynamic_shared_memory_type": "posix" if shared_memory_mb() >= 64 else "mmap",
        "jit": "off",
        "client_connection_check_interval": "1s",  # a backend whose client was killed ends, whatever it computes
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "ISO, YMD",
        "lc_messages": "C",
        "logging_collector": "on",
        "log_directory": logs,
        "log_filename": "postgresql-%Y%m%d-%H%M%S.log",
        "log_rotation_size": "10MB",
        "log_rotation_age": 0,
        "log_line_prefix": "%m [%p] %u@%d ",
        # The statement and the detail of an error hold a client's rows: they stay out of the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    lines = [f"{name} = '{_quoted(str(value))}'\n" for name, value in settings.items()]
    replace(main, "# Written at each start; use ALTER SYSTEM to add to it.\n" + "".join(lines), mode)
    return main


def shared_buffers_mb() -> int:
    """An eighth of the memory, at least 32 MB and at most 2 GB. In a container, its limit is the memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = read(Path("/sys/fs/cgroup/memory.max")).strip()
    if limit.isdigit():
        memory = min(memory, int(limit))
    return min(2048, max(32, memory // 8 // _MB))


def shared_memory_mb() -> int:
    """Size of /dev/shm, which parallel queries use. Containers often get 64 MB; where there is none it is not needed."""
    if not Path("/dev/shm").is_dir():
        return 0 if Path("/proc").is_dir() else 64
    return shutil.disk_usage("/dev/shm").total // _MB


def _wal_mb(data: Path) -> int:
    """8 GB, at most a tenth of what is free, at least 256 MB."""
    return min(8192, max(256, shutil.disk_usage(data).free // 10 // _MB))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


def _doubled(name: str) -> str:
    return name.replace('"', '""')
