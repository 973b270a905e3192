"""``hazina``: the bank for its operators. Each command says what it does with ``--help``.

What goes wrong is one plain sentence on standard error and exit code 1; 2 is a command that makes no
sense. Commands import what they need when they run, so that ``--help`` is there at once.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hazina.ops.apps_cli import apps_cli
from hazina.ops.command import Data, say
from hazina.ops.hedge_cli import hedge_cli
from hazina.ops.merchants_cli import feedback, merchants_cli
from hazina.ops.treasury_cli import treasury_cli
from hazina.ops.webhooks_cli import funder_cli, webhooks_cli
from hazina.settings import BadSettings, Loaded, Settings, load

if TYPE_CHECKING:
    from hazina.kernel.checks import Check
    from hazina.ops.database import Place

if not __debug__:
    raise SystemExit("hazina: Python runs with -O, which removes the checks that guard the money. Start it without.")

cli = typer.Typer(
    name="hazina",
    help="A Bitcoin bank that anyone can run.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

operator_cli = typer.Typer(
    name="operator",
    help="Operators: the people who may lift a closure, two together.\n\nExample: `hazina operator add amina`",
    no_args_is_help=True,
)
safe_mode_cli = typer.Typer(
    name="safe-mode",
    help="What is closed, close it, lift it.\n\nExample: `hazina safe-mode close --rail bank --reason Theft`",
    no_args_is_help=True,
)
cli.add_typer(operator_cli)
cli.add_typer(safe_mode_cli)
keys_cli = typer.Typer(
    name="keys",
    help="Keys of what is personal: which there are, a new one, bring everything under it.\n\n"
    "Example: `hazina keys list`",
    no_args_is_help=True,
)
cli.add_typer(keys_cli)
cli.add_typer(treasury_cli)
cli.add_typer(hedge_cli)
cli.add_typer(apps_cli)
cli.add_typer(webhooks_cli)
cli.add_typer(funder_cli)
cli.add_typer(merchants_cli)
cli.command()(feedback)
Rail = Annotated[str, typer.Option("--rail", help="lightning, onchain, or bank for everything that leaves.")]
Regtest = Annotated[
    bool, typer.Option("--regtest", help="Real nodes on a private chain: a bitcoind, a Lightning network.")
]
Lightning = Annotated[str, typer.Option("--lightning", help="With --regtest: electrum, or lnd.")]
Port = Annotated[int | None, typer.Option("--port", help="Port to listen on. Default: 4455", min=0, max=65535)]


@cli.command()
def up(
    data: Data = None,
    port: Port = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make a few customers, a shop and a month of history.")] = False,
    regtest: Regtest = False,
    lightning: Lightning = "electrum",
) -> None:
    """Run the whole bank on this machine: database, sandbox, API, worker, web app.

    Ctrl-C stops all of it. The data stays and is there at the next start.

    Example: `hazina up --data /srv/hazina --port 8080`
    """
    loaded = _load(data=data, port=port, real_nodes=lightning if regtest else None)
    _log(loaded.settings, beside_data=True)
    from hazina.ops import serve

    _ended(serve.up(loaded.settings, say, with_demo=demo))


@cli.command()
def api(data: Data = None, port: Port = None) -> None:
    """Run one API process. Any number may run on one database (`DATABASE_URL`).

    Example: `DATABASE_URL=postgresql://hazina@db/hazina hazina api --port 8080`
    """
    loaded = _load(data=data, port=port)
    _log(loaded.settings)
    from hazina.ops import serve

    _ended(serve.serve_api(loaded.settings, say))


@cli.command()
def worker(
    data: Data = None,
    health_port: Annotated[
        int,
        typer.Option(help="Loopback port for /livez, /readyz, /metrics. Default: any free one.", min=0, max=65535),
    ] = 0,
) -> None:
    """Run one worker: payments under way, prices, scheduled jobs. Any number may run on one database.

    Example: `DATABASE_URL=postgresql://hazina@db/hazina hazina worker --health-port 9100`
    """
    loaded = _load(data=data)
    _log(loaded.settings)
    from hazina.ops import serve

    _ended(serve.work(loaded.settings, say, health_port))


@cli.command()
def sandbox(data: Data = None, port: Port = 0, regtest: Regtest = False, lightning: Lightning = "electrum") -> None:
    """Run the sandbox: stand-ins for the Lightning node, text messages and the exchange. Loopback only.

    `hazina up` starts it by itself. A bank on the same data folder finds it.

    Example: `hazina sandbox --data /tmp/try --port 4460`
    """
    loaded = _load(data=data, real_nodes=lightning if regtest else None)
    if loaded.settings.network != "regtest":
        _give_up(f"The sandbox is for regtest; the settings say {loaded.settings.network}.")
    _log(loaded.settings)
    from hazina.ops import sandbox
    from hazina.ops.stopping import stopping_cleanly

    with stopping_cleanly(say):
        sandbox.serve(loaded.settings, port or 0)


@cli.command()
def migrate(data: Data = None) -> None:
    """Bring the database to this program's newest revision. Harmless when it is there already.

    With `DATABASE_URL`, the role in `HAZINA_OWNER_URL` makes the tables and the role in `DATABASE_URL`
    only uses them.

    Example: `HAZINA_OWNER_URL=postgresql://owner@db/hazina hazina migrate`
    """
    loaded = _load(data=data)
    from hazina.ops import database

    with database.opened(loaded.settings) as place:
        before, after = database.migrate(place, anew=True)
    if before.pending:
        say(f"Migrated from {before.current or 'nothing'} to {after.current}.")
    else:
        say(f"Nothing to do: the database is at {after.current}, the newest.")


@cli.command()
def verify(
    data: Data = None,
    nodes: Annotated[
        bool, typer.Option("--nodes", help="And ask the nodes what they have: Lightning, hot and cold wallets.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="With --nodes: begin anew with what the Lightning nodes have now.")
    ] = False,
) -> None:
    """Derive every balance and every open hold from history, and check each invariant of the books.

    Reads one consistent state of a live database and changes nothing. Exit code 1, with the offending
    rows, when anything is wrong.

    Example: `hazina verify --data .hazina`
    """
    loaded = _load(data=data)
    _log(loaded.settings, least="error")
    from hazina.ops import database, verify

    with database.opened(loaded.settings) as place:
        database.must_be_migrated(place)
        more: list[Check] = []
        if nodes:
            from hazina.ops import nodes as of_nodes

            more = of_nodes.checks(loaded.settings, place, anew=anew)
        raise typer.Exit(0 if verify.report(place, more) else 1)


@cli.command()
def doctor(data: Data = None) -> None:
    """Look the installation over: database, migrations, providers, disk, clock. A verdict and a mend for each.

    Exit code 1 when something is bad.

    Example: `hazina doctor`
    """
    loaded = _load(data=data)
    _log(loaded.settings, least="error")
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hazina.ops import doctor

    colours = {doctor.Verdict.WELL: "green", doctor.Verdict.WARN: "yellow", doctor.Verdict.BAD: "red"}
    table = Table("what", "verdict", "seen", "mend", box=None, pad_edge=False)
    bad = 0
    for finding in doctor.examine(loaded.settings):
        bad += finding.verdict is doctor.Verdict.BAD
        colour = colours[finding.verdict]
        verdict = f"[{colour}]{finding.verdict.value}[/]"
        table.add_row(finding.name, verdict, Text(finding.said), Text(finding.mend))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    raise typer.Exit(1 if bad else 0)


@cli.command()
def config(data: Data = None) -> None:
    """Show the settings in effect and where each comes from. Secrets are hidden.

    Example: `HAZINA_PORT=8080 hazina config`
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hazina.settings import redacted

    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for name, value, place in redacted(_load(data=data)):
        table.add_row(Text(name), Text(value), Text(place))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@operator_cli.command("add")
def operator_add(name: str, data: Data = None) -> None:
    """Add an operator. The passphrase is read from the terminal, or from standard input.

    Example: `hazina operator add amina`
    """
    with _database(data) as place:
        from hazina.ops import safety

        safety.add_operator(place, name, safety.passphrase(twice=True), say)


@operator_cli.command("remove")
def operator_remove(name: str, data: Data = None) -> None:
    """Remove an operator. The name is never given again.

    Example: `hazina operator remove amina`
    """
    with _database(data) as place:
        from hazina.ops import safety

        safety.remove_operator(place, name, say)


@operator_cli.command("list")
def operator_list(data: Data = None) -> None:
    """Who may lift a closure.

    Example: `hazina operator list`
    """
    with _database(data) as place:
        from hazina.ops import safety

        safety.list_operators(place, say)


@safe_mode_cli.command("status")
def safe_mode_status(data: Data = None) -> None:
    """What is closed, since when and why, and the last lines of the log. Exit code 1 when something is closed.

    Example: `hazina safe-mode status`
    """
    with _database(data) as place:
        from hazina.ops import safety

        raise typer.Exit(0 if safety.status(place, say) else 1)


@safe_mode_cli.command("close")
def safe_mode_close(
    rail: Rail,
    reason: Annotated[str, typer.Option("--reason", help="Why. Customers read it on the status page.")],
    data: Data = None,
) -> None:
    """Let no money leave, from now on. Receiving and payments inside the bank go on.

    Example: `hazina safe-mode close --rail lightning --reason 'The node is being moved.'`
    """
    with _database(data) as place:
        from hazina.ops import safety

        safety.close(place, safety.rail_named(rail), reason, say)


@safe_mode_cli.command("lift")
def safe_mode_lift(
    rail: Rail, operator: Annotated[str, typer.Option("--operator", help="Your name.")], data: Data = None
) -> None:
    """Ask to let money leave again; when another operator has asked before you, it is lifted.

    The passphrase is read from the terminal, or from standard input.

    Example: `hazina safe-mode lift --rail lightning --operator amina`
    """
    with _database(data) as place:
        from hazina.ops import safety

        safety.lift(place, safety.rail_named(rail), operator, safety.passphrase(), say)


@keys_cli.command("list")
def keys_list(data: Data = None) -> None:
    """Names of the wrapping keys, and how many people's keys each wraps. Never the keys themselves.

    Example: `hazina keys list`
    """
    loaded = _load(data=data)
    with _database(data) as place:
        from hazina.ops import keys

        keys.listed(loaded.settings, place, say)


@keys_cli.command("rotate")
def keys_rotate(data: Data = None) -> None:
    """Make a new wrapping key in the data folder's file. Then restart all processes and `rewrap`.

    Example: `hazina keys rotate`
    """
    loaded = _load(data=data)
    with _database(data) as place:
        from hazina.ops import keys

        keys.rotate(loaded.settings, place, say)


@keys_cli.command("print-new")
def keys_print_new(data: Data = None) -> None:
    """Print the line of a new wrapping key, for a keys file that lies elsewhere. It is a secret.

    Example: `hazina keys print-new >> /etc/hazina/keys`
    """
    loaded = _load(data=data)
    from hazina.ops import keys

    keys.print_new(loaded.settings, say)


@keys_cli.command("rewrap")
def keys_rewrap(data: Data = None) -> None:
    """Bring every person's key under the newest wrapping key, while the bank runs. What they seal stays as it is.

    Example: `hazina keys rewrap`
    """
    loaded = _load(data=data)
    with _database(data) as place:
        from hazina.ops import keys

        keys.rewrap(loaded.settings, place, say)


@cli.command("issue-dollars")
def issue_dollars(
    name: Annotated[str, typer.Argument(help="The customer's username or phone number.")],
    cents: Annotated[int, typer.Argument(help="How much, in US cents.", min=1)],
    reason: Annotated[str, typer.Option("--reason", help="What the customer reads beside it.")],
    data: Data = None,
) -> None:
    """Put dollars into a customer's dollar wallet, against dollars that the bank took in at the counter.

    The bank owes them from then on; whoever may run this command decides that.

    Example: `hazina issue-dollars amina 5000 --reason 'Brought to the counter'`
    """
    loaded = _load(data=data)
    _log(loaded.settings, least="error")
    from hazina.ops import dollars

    dollars.issue(loaded.settings, name, cents, reason, say)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    context: typer.Context,
    data: Data = None,
    superuser: Annotated[
        bool, typer.Option("--superuser", help="As the owner of everything. Embedded database only.")
    ] = False,
) -> None:
    """Open psql on the bank's database, as the program's own role. Other arguments go to psql.

    Example: `hazina psql -- -c "select count(*) from ledger.entry"`
    """
    loaded = _load(data=data)
    from hazina.kernel import embedded
    from hazina.ops import database

    if superuser and loaded.settings.database_url is not None:
        _give_up("--superuser is for the embedded database; use psql with the owner's own URL.")
    program = embedded.psql()
    if program is None:
        _give_up("There is no psql here. Install postgresql-client.")
    with database.opened(loaded.settings) as place:
        url = place.owner_url if superuser else place.url
        done = subprocess.run([program, url, *context.args], check=False)  # noqa: S603
    raise typer.Exit(done.returncode)


def _give_up(text: str) -> NoReturn:
    print(f"hazina: {text}", file=sys.stderr, flush=True)
    raise typer.Exit(1)


def _ended(part: str | None) -> None:
    if part is not None:
        _give_up(f"The part called {part!r} stopped by itself, so the process did too. The log says why.")


@contextmanager
def _database(data: Path | None) -> Iterator[Place]:
    """The migrated database of these settings."""
    from hazina.ops import database

    with database.opened(_load(data=data).settings) as place:
        database.must_be_migrated(place)
        yield place


def _load(data: Path | None = None, port: int | None = None, real_nodes: str | None = None) -> Loaded:
    return load(data=data, port=port, real_nodes=real_nodes)


def _log(settings: Settings, *, beside_data: bool = False, least: str | None = None) -> None:
    """Logs go to standard error; ``up`` in a terminal keeps the terminal for people and logs to a file."""
    from hazina.kernel import log

    if beside_data and sys.stderr.isatty():
        from hazina.ops import database, serve

        database.prepare_folder(settings)
        log.configure(level=settings.log_level, style="json", stream=serve.log_to(settings.data / "hazina.log"))
        return
    log.configure(level=least or settings.log_level, style=settings.log_format)


@contextmanager
def _plain_sentences() -> Iterator[None]:
    """What an operator can mend is said without a traceback."""
    try:
        yield
    except BadSettings as error:
        print(f"hazina: the settings are not valid:\n{error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        from hazina.api.server import PortTaken
        from hazina.kernel.embedded import CannotStart
        from hazina.ops import Trouble

        if not isinstance(error, PortTaken | CannotStart | Trouble):
            raise
        print(f"hazina: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main() -> None:
    with _plain_sentences():
        cli(prog_name="hazina")


if __name__ == "__main__":
    main()
