"""The bank's database, wherever it is: embedded, or the one that DATABASE_URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from hazina import migrations
from hazina.kernel.embedded import OWNER_ROLE, Cluster
from hazina.ops import Trouble
from hazina.settings import Settings

POSTGRES_OLDEST = 15
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
CONNECT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A database that answers."""

    url: str
    """As the program's role."""
    owner_url: str
    """As the role that owns the tables."""
    cluster: Cluster | None
    """The embedded server."""

    @property
    def described(self) -> str:
        with psycopg.connect(self.url) as connection:
            version, host = connection.info.server_version, connection.info.host
        where = f"in {self.cluster.data}" if self.cluster else f"at {host or 'a socket'}"
        return f"PostgreSQL {version // 10000}.{version % 10000} {where}"


@contextmanager
def opened(settings: Settings, *, adopt: bool = True) -> Iterator[Place]:
    """The database while the block runs. The embedded one is started, and stopped afterwards, unless another
    process of ours runs it; then it is used (``adopt``) or refused.

    :raises Trouble: it does not answer. CannotStart: the embedded one cannot be started.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        place = Place(url, settings.owner_url.get_secret_value() if settings.owner_url else url, None)
        for known in {place.url, place.owner_url}:
            _answers(known)
        yield place
        return
    prepare_folder(settings)
    cluster = Cluster(settings.data / "postgres")
    try:
        cluster.start(adopt=adopt)
        yield Place(cluster.url(), cluster.url(OWNER_ROLE), cluster)
    finally:
        cluster.stop()


def prepare_folder(settings: Settings) -> None:
    """The data folder. Others may walk through it (PostgreSQL may have to run as another user than root),
    but not list it."""
    try:
        settings.data.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise Trouble(f"The data folder {settings.data} cannot be made: {error.strerror}.") from None


def _answers(url: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            version = connection.info.server_version // 10000
    except psycopg.OperationalError as error:
        said = str(error).strip().splitlines()
        raise Trouble(f"The database does not answer: {said[-1] if said else 'no reason given'}") from None
    if version < POSTGRES_OLDEST:
        raise Trouble(f"The database is PostgreSQL {version}; Hazina needs {POSTGRES_OLDEST} or newer.")


def forgetful(url: str) -> list[str]:
    """Settings under which the server may forget a commit, or damage data, in a power cut."""
    with psycopg.connect(url) as connection:
        return [n for n in DURABLE if (connection.execute(f"SHOW {n}").fetchone() or ("",))[0] == "off"]


def must_be_durable(place: Place, settings: Settings) -> None:
    """:raises Trouble: money would not be safe in it."""
    if settings.unsafe_database:
        return
    if off := forgetful(place.url):
        raise Trouble(
            f"The database may lose payments in a power cut: {', '.join(off)} is off. "
            f"Switch it on (ALTER SYSTEM SET {off[0]} = on, then SELECT pg_reload_conf()) and start again."
        )


def must_be_known(place: Place) -> migrations.State:
    """:raises Trouble: a newer program has migrated this database."""
    state = migrations.state(place.url)
    if not state.known:
        raise Trouble(
            f"The data is newer than this program: it was migrated to revision {state.current}, and this program "
            f"knows revisions up to {state.head}. Use the newer Hazina."
        )
    return state


def must_be_migrated(place: Place) -> None:
    """:raises Trouble: something is pending."""
    state = must_be_known(place)
    if state.pending:
        raise Trouble(f"The database is at revision {state.current}, not {state.head}. Run `hazina migrate` first.")


def migrate(place: Place, *, anew: bool = False) -> tuple[migrations.State, migrations.State]:
    """Apply what is missing; the state before and after. ``anew`` gives the program's role its rights again
    even when nothing is missing."""
    before = must_be_known(place)
    if not before.pending and not anew:
        return before, before
    with psycopg.connect(place.url) as connection:
        role = str((connection.execute("SELECT current_user").fetchone() or ("",))[0])
    try:
        migrations.migrate(place.owner_url, role)
    except psycopg.errors.LockNotAvailable:
        raise Trouble("Another session holds the tables that a migration changes. Try again in a moment.") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise Trouble(
            f"The database role may not migrate ({error.diag.message_primary}). HAZINA_OWNER_URL names one that may."
        ) from None
    return before, migrations.state(place.url)
