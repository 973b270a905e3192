"""``hazina apps``, on a database whose bank does not run."""

from __future__ import annotations

from pathlib import Path

from tests.ops.bank import hazina

from hazina.kernel.db import Database
from hazina.kernel.keyfile import keys_in


async def test_apps_are_made_marked_and_removed(db: Database, program_url: str, tmp_path: Path) -> None:
    keys_in(tmp_path)
    place = {"DATABASE_URL": program_url, "HAZINA_DATA": str(tmp_path)}

    def apps(*arguments: str) -> str:
        done = hazina("apps", *arguments, **place)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "No apps yet" in apps("list")
    made = apps("add", "Vitabu Books", "--redirect", "https://vitabu.example/back", "--scope", "openid read write")
    said = dict(line.split()[:2] for line in made.splitlines())
    assert said["client_secret"].startswith("hzn_cs_") and said["issuer"] == "http://localhost:4455"
    client_id = said["client_id"]
    assert client_id in apps("list") and "checked" in apps("list")
    assert "off" in apps("mark", client_id, "--off") and "off" not in apps("mark", client_id, "--on")
    assert said["client_secret"] not in apps("secret", client_id)
    assert "client_secret" not in apps("add", "Phone", "--redirect", "com.example.app:/cb", "--public")
    assert apps("token", "The makers of tills", "--uses", "3").startswith("hzn_ia_")
    assert "two days" in apps("rotate-keys")
    assert "within a minute" in apps("rotate-keys", "--stolen")
    assert "Removed" in apps("remove", client_id) and client_id not in apps("list")
    for wrong in (
        ("remove", client_id),
        ("add", "Bad", "--redirect", "javascript:alert(1)"),
        ("add", "Bad", "--redirect", "https://a.example/", "--scope", "admin"),
    ):
        done = hazina("apps", *wrong, **place)
        assert done.returncode == 1 and done.stderr.startswith("hazina: ") and "Traceback" not in done.stderr
