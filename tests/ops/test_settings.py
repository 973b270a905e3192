"""Settings are checked whole, and every error says where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hazina.ops import Trouble
from hazina.ops.database import Place
from hazina.ops.serve import built
from hazina.settings import BadSettings, Lnd, load, redacted


def write(folder: Path, text: str) -> dict[str, str]:
    (folder / "hazina.toml").write_text(text)
    return {"HAZINA_DATA": str(folder)}


def test_nothing_set_is_a_bank_on_this_machine_with_a_sandbox() -> None:
    settings = load({}).settings
    assert (settings.host, settings.port, settings.network) == ("127.0.0.1", 4455, "regtest")
    assert settings.wants_sandbox


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    environ = write(tmp_path, "port = 1\ndatabase_pool = 5\n") | {"HAZINA_PORT": "2"}
    assert load(environ).settings.port == 2
    assert load(environ, port=3).settings.port == 3
    assert load(environ, port=None).settings.database_pool == 5


def test_every_error_of_the_file_has_its_line(tmp_path: Path) -> None:
    lnd = '[lnd]\nbase_url = "ftp://node"\nmacaroon = "zz"\nmacarron = "00"\n'
    text = f'port = 99999\n\n{lnd}\n[twilio]\naccount_sid = "AC1"\n'
    with pytest.raises(BadSettings) as caught:
        load(write(tmp_path, text))
    file = tmp_path / "hazina.toml"
    lines = str(caught.value).splitlines()
    for start in (
        f"{file}:1: port:",
        f"{file}:4: lnd.base_url: must be an address",
        f"{file}:5: lnd.macaroon: must be hexadecimal",
        f"{file}:6: lnd.macarron: there is no such setting",
        f"{file}:9: twilio.auth_token: is missing",
        f"{file}:9: twilio.sender: is missing",
    ):
        assert any(line.startswith(start) for line in lines), (start, lines)
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"HAZINA_PROT": "1"}, "HAZINA_PROT: prot: there is no such setting."),
        ({"HAZINA_PORT": "many"}, "HAZINA_PORT: port: "),
        ({"HAZINA_PORT__X": "1"}, "HAZINA_PORT__X: port: "),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL: database_url: must begin with postgresql://."),
        ({"HAZINA_PRICE_FEEDS": "[{]"}, "HAZINA_PRICE_FEEDS: price_feeds: "),
        ({"HAZINA_OWNER_URL_FILE": "/no/such/file"}, "HAZINA_OWNER_URL_FILE: cannot read /no/such/file"),
        ({"HAZINA_CONFIG": "/no/such/file"}, "/no/such/file: there is no such file (HAZINA_CONFIG names it)."),
    ],
)
def test_a_bad_variable_is_named(environ: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(environ)
    assert str(caught.value).startswith(said)


def test_a_broken_file_says_where(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        load(write(tmp_path, "port = \n"))
    assert "hazina.toml: " in str(caught.value)
    assert "line 1" in str(caught.value)


def test_secrets_come_from_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "admin.macaroon").write_bytes(b"\x02\x01\xff")
    text = f'[lnd]\nbase_url = "https://node:8080/"\nmacaroon_file = "{tmp_path}/admin.macaroon"\n'
    environ = write(tmp_path, text) | {
        "HAZINA_TWILIO__ACCOUNT_SID": "AC1",
        "HAZINA_TWILIO__SENDER": "+1",
        "HAZINA_TWILIO__AUTH_TOKEN_FILE": str(tmp_path / "token"),
    }
    settings = load(environ).settings
    assert settings.twilio is not None
    assert settings.twilio.auth_token.get_secret_value() == "secret"
    assert settings.lnd is not None
    assert settings.lnd.macaroon.get_secret_value() == "0201ff"
    assert settings.lnd.base_url == "https://node:8080"


def test_what_is_shown_has_no_secrets_and_says_where_each_comes_from() -> None:
    environ = {"DATABASE_URL": "postgresql://hazina:pass-word@db/hazina", "HAZINA_PORT": "80"}
    shown = {name: (value, place) for name, value, place in redacted(load(environ))}
    assert shown["database_url"] == ("postgresql://hazina:********@db/hazina", "DATABASE_URL")
    assert shown["port"] == ("80", "HAZINA_PORT")
    assert shown["host"] == ("127.0.0.1", "default")


def test_no_error_repeats_a_secret() -> None:
    with pytest.raises(BadSettings) as caught:
        load({"HAZINA_LND__BASE_URL": "http://x", "HAZINA_LND__MACAROON": "not-hexadecimal-secret"})
    assert "not-hexadecimal-secret" not in str(caught.value)


def test_several_lightning_nodes_by_name(tmp_path: Path) -> None:
    (tmp_path / "two.macaroon").write_bytes(bytes.fromhex("0201ff"))
    (tmp_path / "hazina.toml").write_text(f"""
[lnd]
base_url = "https://10.0.0.5:8080"
macaroon = "aa"

[nodes.lnd-2]
kind = "lnd"
base_url = "https://10.0.0.6:8080"
macaroon_file = "{tmp_path / "two.macaroon"}"
weight = 3

[nodes.kisumu]
kind = "electrum"
base_url = "http://127.0.0.1:7777"
user = "bank"
password = "secret"
resting = true
""")
    loaded = load({}, data=tmp_path)
    found = loaded.settings.lightning
    assert [(one.name, one.kind, one.weight, one.resting) for one in found] == [
        ("lnd-1", "lnd", 1, False), ("kisumu", "electrum", 1, True), ("lnd-2", "lnd", 3, False),
    ]  # fmt: skip
    assert isinstance(found[2], Lnd) and found[2].macaroon.get_secret_value() == "0201ff"
    assert "secret" not in str(list(redacted(loaded)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[nodes.a]\nkind = "cln"\nbase_url = "http://x"', "nodes.a"),
        ('[nodes.a]\nkind = "electrum"\nbase_url = "x"\nuser = "u"\npassword = "p"', "must be an address"),
        ('[nodes.A]\nkind = "electrum"\nbase_url = "http://x"\nuser = "u"\npassword = "p"', "small letters"),
        ('[nodes.a]\nkind = "electrum"\nbase_url = "http://x"\nuser = "u"\npassword = "p"\nweight = 0', "weight"),
        ('[nodes.a]\nkind = "lnd"\nbase_url = "http://x"\nmacaroon = "zz"', "hexadecimal"),
        ('[lnd]\nbase_url = "http://x"\nmacaroon = "aa"\n[nodes.lnd-1]\nkind = "lnd"\nbase_url = "http://y"\n'
         'macaroon = "bb"', "the same name"),
    ],
)  # fmt: skip
def test_a_node_that_cannot_be_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "hazina.toml").write_text(text)
    with pytest.raises(BadSettings, match=said):
        load({}, data=tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url = "http://n:1"', "needs either user and password, or cookie"),
        ('url = "http://n:1"\nuser = "u"', "needs either user and password, or cookie"),
        ('url = "http://n:1"\nuser = "u"\npassword = "p"\ncookie = "/c"', "needs either user and password, or cookie"),
        ('url = "n:1"\ncookie = "/c"', "must be an address"),
        ('url = "http://n:1"\ncookie = "/c"\nwallet = "../other"', "bitcoind.wallet"),
    ],
)
def test_a_bitcoin_node_that_cannot_be_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadSettings, match=re.escape(said)):
        load(write(tmp_path, f"[bitcoind]\n{text}\n"))


def test_a_bitcoin_node_by_cookie_or_password(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    text = f'[bitcoind]\nurl = "http://n:1/"\nuser = "u"\npassword_file = "{tmp_path}/secret"\nzmq = ["tcp://n:2"]\n'
    loaded = load(write(tmp_path, text))
    node = loaded.settings.bitcoind
    assert node is not None and node.password is not None
    assert (node.url, node.password.get_secret_value(), node.wallet) == ("http://n:1", "s3cret", "hazina")
    assert not any("s3cret" in value for _, value, _ in redacted(loaded))
    cookie = load(write(tmp_path, '[bitcoind]\nurl = "http://n:1"\ncookie = "/var/.cookie"\n')).settings.bitcoind
    assert cookie is not None and cookie.cookie == Path("/var/.cookie") and cookie.password is None


@pytest.mark.parametrize("missing", ["lnd", "twilio", "smtp"])
def test_a_provider_that_nothing_stands_in_for_is_named(tmp_path: Path, missing: str) -> None:
    sections = {
        "lnd": 'base_url = "https://node"\nmacaroon = "00"',
        "twilio": 'account_sid = "AC1"\nauth_token = "t"\nsender = "+254700000000"',
        "smtp": 'host = "mail"\nsender = "bank@bank.example"',
    }
    text = "\n".join(f"[{name}]\n{body}" for name, body in sections.items() if name != missing)
    settings = load(write(tmp_path, text)).settings
    with pytest.raises(Trouble, match=rf"no \[{missing}\] section"):
        built(settings, Place("", "", None))
