"""What a person wants to be notified of, on which devices, and what is told inside the app.

Nothing is pushed yet. Notices inside the app (Blink's stateful notifications) wait until they are acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hazina.access import Caller
from hazina.accounts import notice_store
from hazina.accounts.errors import NoticeUnknown
from hazina.accounts.model import Category, Notice, PushSettings
from hazina.identity import Identity
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import InvalidInput
from hazina.kernel.ids import UUID, new_id
from hazina.kernel.paging import Page, Slice

DEVICES_MAX = 20
"""Of one person; the oldest goes."""
TOKEN_CHARS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Notices:
    db: Database
    clock: Clock
    identity: Identity

    # -- settings -------------------------------------------------------------------------------

    async def settings(self, user_id: UUID) -> PushSettings:
        async with self.db.reading() as tx:
            return await notice_store.push_settings(tx, user_id)

    async def set_push(self, caller: Caller, enabled: bool) -> PushSettings:
        """Everything, or nothing; what categories were switched off stays so."""
        async with self.db.transaction() as tx:
            await notice_store.set_push(tx, caller.user_id, enabled)
            return await notice_store.push_settings(tx, caller.user_id)

    async def set_category(self, caller: Caller, category: Category, enabled: bool) -> PushSettings:
        async with self.db.transaction() as tx:
            await notice_store.set_category(tx, caller.user_id, category, enabled)
            return await notice_store.push_settings(tx, caller.user_id)

    # -- devices --------------------------------------------------------------------------------

    async def add_device(self, caller: Caller, token: str) -> None:
        """Push to this device too; it is nobody else's from now on. Again: nothing changes. Raises InvalidInput."""
        if not 1 <= len(token) <= TOKEN_CHARS_MAX or not token.isascii() or not token.isprintable():
            raise InvalidInput("This is no token of a device.")
        mark = self.identity.keys.mark("device token", token)
        async with self.db.transaction() as tx:
            key = await self.identity.vault.key_of(tx, caller.user_id)
            assert key is not None, "a caller is not forgotten"
            sealed = key.seal("device token", token)
            await notice_store.put_device(tx, caller.user_id, mark, sealed, self.clock.now(), DEVICES_MAX)

    async def drop_device(self, caller: Caller, token: str) -> None:
        """One that was never given changes nothing."""
        mark = self.identity.keys.mark("device token", token)
        async with self.db.transaction() as tx:
            await notice_store.drop_device(tx, caller.user_id, mark)

    async def devices(self, tx: Tx, user_id: UUID) -> list[str]:
        """Where to push for somebody, the newest first. A step."""
        key = await self.identity.vault.key_of(tx, user_id)
        if key is None:
            return []
        return [key.open("device token", sealed) for sealed in await notice_store.devices(tx, user_id)]

    # -- inside the app -------------------------------------------------------------------------

    async def page(
        self, caller: Caller, page: Page, *, bulletin: bool | None = None, unread: bool = False
    ) -> Slice[Notice]:
        """Newest first; ``bulletin`` None: both sorts. The cursor is a notice's id. Raises InvalidInput."""
        page.checked()
        try:
            after = None if page.after is None else UUID(page.after)
        except ValueError:
            raise InvalidInput("The cursor is not one of this list.") from None
        async with self.db.reading() as tx:
            return await notice_store.notices(tx, caller.user_id, page, after, bulletin, unread)

    async def unread(self, caller: Caller) -> int:
        """Those that are no bulletins."""
        async with self.db.reading() as tx:
            return await notice_store.count_unread(tx, caller.user_id)

    async def acknowledge(self, caller: Caller, notice_id: UUID) -> Notice:
        """Again: the first time stands. Raises NoticeUnknown for a foreign one too."""
        async with self.db.transaction() as tx:
            found = await notice_store.acknowledge(tx, caller.user_id, notice_id, self.clock.now())
        if found is None:
            raise NoticeUnknown
        return found


async def tell_in_app(
    tx: Tx, user_id: UUID, title: str, body: str, at: datetime, *, deep_link: str | None = None, url: str | None = None,
    label: str | None = None, icon: str | None = None, bulletin: bool = False,
) -> None:  # fmt: skip
    """A step: told in the commit of what it tells of. ``deep_link`` or ``url``, see ``Notice``."""
    assert deep_link is None or url is None
    await notice_store.put_notice(tx, user_id, Notice(new_id(), title, body, deep_link, url, label, icon, bulletin, at))
