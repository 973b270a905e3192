"""What runs by the clock runs when it says."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr

from hazina import app
from hazina.kernel.crypto import Keys
from hazina.settings import Lnd, Settings, Twilio

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SETTINGS = Settings.model_validate(
    {
        "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/nowhere"),
        "lnd": Lnd(base_url="http://127.0.0.1:1", macaroon=SecretStr("00")),
        "keys": SecretStr(Keys.fresh().as_text()),
        "smtp": {"host": "127.0.0.1", "sender": "bank@hazina.example"},
        "twilio": Twilio(account_sid="AC", auth_token=SecretStr("x"), sender="Hazina"),
    }
)


async def test_every_scheduled_task_runs_when_it_should() -> None:
    bank = app.build(SETTINGS)
    due = {}
    for task in bank.queue.periodic_registry.periodic_tasks.values():
        first = task.croniter.get_next(datetime, start_time=NOON)
        due[task.task.name] = (first, task.croniter.get_next(datetime, start_time=first))
    for close in bank.closing:
        await close()
    said = {name: (a.strftime("%H:%M:%S"), (b - a).total_seconds()) for name, (a, b) in due.items()}
    assert said == {
        "hazina.tidy": ("03:17:00", 86_400),
        "hazina.prove": ("02:41:00", 86_400),
    }
