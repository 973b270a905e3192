"""``hazina treasury``: the commands, without what they need: that is imported when one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from hazina.ops.command import Data, say, settings_of

treasury_cli = typer.Typer(
    name="treasury",
    help="The bank's coins: hot, cold, queued, in flight, in channels. Cold storage takes two operators.\n\n"
    "Example: `hazina treasury show`",
    no_args_is_help=True,
)
cold_cli = typer.Typer(
    name="cold",
    help="Where coins are kept that nobody needs today: a wallet whose keys the bank does not have.\n\n"
    "Example: `hazina treasury cold propose vault descriptor.txt --operator amina`",
    no_args_is_help=True,
)
psbt_cli = typer.Typer(
    name="psbt",
    help="Coins from cold to hot: drafted by one operator, signed offline (BIP 174), released by another.\n\n"
    "Example: `hazina treasury psbt draft 50000000 --operator amina --out refill.psbt`",
    no_args_is_help=True,
)
treasury_cli.add_typer(cold_cli)
treasury_cli.add_typer(psbt_cli)

Operator = Annotated[str, typer.Option("--operator", help="Your name. The passphrase is asked for.")]
Id = Annotated[UUID, typer.Argument(help="Of the draft, as `hazina treasury psbt list` shows it.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="File to write, binary; without it base64 is printed.", metavar="FILE")
]


def _secret() -> str:
    from hazina.ops import safety

    return safety.passphrase()


@treasury_cli.command()
def show(data: Data = None) -> None:
    """How many coins are where, what is on its way, and what waits.

    Example: `hazina treasury show`
    """
    from hazina.ops import treasury

    treasury.show(settings_of(data), say)


@treasury_cli.command()
def sweep(data: Data = None) -> None:
    """Send to cold now what the hot wallet has beyond the threshold. The workers do it each minute by themselves.

    Example: `hazina treasury sweep`
    """
    from hazina.ops import treasury

    treasury.sweep(settings_of(data), say)


@cold_cli.command("propose")
def cold_propose(
    name: Annotated[str, typer.Argument(help="What to call it; never given twice.")],
    file: Annotated[Path, typer.Argument(help="Its public descriptor with checksum.", metavar="FILE")],
    operator: Operator,
    data: Data = None,
) -> None:
    """Propose a cold wallet by its descriptor: wpkh(KEY), tr(KEY) or wsh(sortedmulti(M,KEY,...)), public keys with
    the branches /<0;1>/*. Another operator confirms it before coins go there.

    Example: `hazina treasury cold propose vault descriptor.txt --operator amina`
    """
    from hazina.ops import treasury

    treasury.propose(settings_of(data), name, file, operator, _secret(), say)


@cold_cli.command("confirm")
def cold_confirm(name: str, operator: Operator, data: Data = None) -> None:
    """Confirm what another operator proposed: coins beyond the threshold are swept there from now on.

    Example: `hazina treasury cold confirm vault --operator baraka`
    """
    from hazina.ops import treasury

    treasury.confirm(settings_of(data), name, operator, _secret(), say)


@cold_cli.command("list")
def cold_list(data: Data = None) -> None:
    """The cold wallets, newest first.

    Example: `hazina treasury cold list`
    """
    from hazina.ops import treasury

    treasury.wallets(settings_of(data), say)


@psbt_cli.command("draft")
def psbt_draft(
    sats: Annotated[int, typer.Argument(help="How much comes to the hot wallet, in satoshi.", min=1)],
    operator: Operator,
    out: Out = None,
    data: Data = None,
) -> None:
    """Draft a transaction from the cold wallet to the hot one, for its signers.

    Example: `hazina treasury psbt draft 50000000 --operator amina --out refill.psbt`
    """
    from hazina.ops import treasury

    treasury.draft(settings_of(data), sats, out, operator, _secret(), say)


@psbt_cli.command("export")
def psbt_export(draft: Id, out: Out = None, data: Data = None) -> None:
    """Hand out an open draft once more.

    Example: `hazina treasury psbt export 01a1fdf8-61fa-7726-acf3-94174712b0a6 --out refill.psbt`
    """
    from hazina.ops import treasury

    treasury.export(settings_of(data), draft, out, say)


@psbt_cli.command("release")
def psbt_release(
    draft: Id,
    file: Annotated[Path, typer.Argument(help="The signed PSBT, binary or base64.", metavar="FILE")],
    operator: Operator,
    data: Data = None,
) -> None:
    """Hold a signed PSBT against its draft, and broadcast it. Another operator than the one who drafted it.

    Example: `hazina treasury psbt release 01a1fdf8-61fa-7726-acf3-94174712b0a6 signed.psbt --operator baraka`
    """
    from hazina.ops import treasury

    treasury.release(settings_of(data), draft, file, operator, _secret(), say)


@psbt_cli.command("drop")
def psbt_drop(draft: Id, operator: Operator, data: Data = None) -> None:
    """Forget a draft that will not be signed.

    Example: `hazina treasury psbt drop 01a1fdf8-61fa-7726-acf3-94174712b0a6 --operator amina`
    """
    from hazina.ops import treasury

    treasury.drop(settings_of(data), draft, operator, _secret(), say)


@psbt_cli.command("list")
def psbt_list(data: Data = None) -> None:
    """The drafts, newest first.

    Example: `hazina treasury psbt list`
    """
    from hazina.ops import treasury

    treasury.drafts(settings_of(data), say)
