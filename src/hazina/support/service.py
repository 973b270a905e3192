"""The verbs of the support chat."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import Accounts
from hazina.identity import country_of
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import new_id
from hazina.support import store
from hazina.support.errors import SupportChatBusy, SupportChatOff, SupportChatSilent
from hazina.support.model import (
    ANSWER_CHARS_MAX,
    PER_PERSON,
    Message,
    Policy,
    Role,
    context,
    introduction,
    parse_message,
)
from hazina.support.ports import Assistant, AssistantSilent


@dataclass(frozen=True, slots=True)
class Support:
    """One thread for each person, with an assistant that is a program. Without one the chat is off."""

    db: Database
    clock: Clock
    accounts: Accounts
    assistant: Assistant | None = None
    policy: Policy = field(default_factory=Policy)

    async def messages(self, caller: Caller) -> list[Message]:
        """What was said, oldest first; nothing where the chat is off."""
        return [one for one in await self._thread(caller.user_id) if not one.hidden]

    async def write(self, caller: Caller, text: str) -> list[Message]:
        """Say something, and wait for the answer: the whole thread. Raises SupportChatOff, InvalidSupportMessage,
        TooManyRequests, SupportChatBusy, SupportChatSilent."""
        assistant, said = self._on(), parse_message(text)
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, [(PER_PERSON, str(caller.user_id))], self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        until = await self._begin(caller.user_id)
        try:
            begun = bool(await self._thread(caller.user_id))
            try:
                if not begun:
                    await self._introduce(caller, assistant)
            finally:  # whatever the assistant does, what somebody wrote is kept
                await self._add(caller.user_id, Role.USER, said)
            await self._answer(caller.user_id, assistant)
        finally:
            await self._end(caller.user_id, until)
        return await self.messages(caller)

    async def reset(self, caller: Caller) -> None:
        """Forget what was said, and begin anew. Raises SupportChatOff, SupportChatBusy, SupportChatSilent."""
        assistant = self._on()
        until = await self._begin(caller.user_id)
        try:
            async with self.db.transaction() as tx:
                await store.forget(tx, caller.user_id)
            await self._introduce(caller, assistant)
        finally:
            await self._end(caller.user_id, until)

    # --- inside ---

    def _on(self) -> Assistant:
        if self.assistant is None:
            raise SupportChatOff
        return self.assistant

    async def _begin(self, user_id: UUID) -> datetime:
        """Until when the thread is ours: two messages at once would get one answer."""
        now = self.clock.now()
        until = now + timedelta(seconds=2 * self.policy.busy_s)  # a thread that begins is answered twice
        async with self.db.transaction() as tx:
            if not await store.begin(tx, user_id, now, until):
                raise SupportChatBusy
        return until

    async def _end(self, user_id: UUID, until: datetime) -> None:
        async with self.db.transaction() as tx:
            await store.end(tx, user_id, until)

    async def _introduce(self, caller: Caller, assistant: Assistant) -> None:
        """The assistant learns whom it talks to, and says the first word."""
        person = await self.accounts.me(caller)
        country = country_of(person.user.phone) if person.user.phone else None
        told = introduction(person.user.language, int(person.account.level), country)
        await self._add(caller.user_id, Role.USER, told, hidden=True)
        await self._answer(caller.user_id, assistant)

    async def _answer(self, user_id: UUID, assistant: Assistant) -> None:
        thread = context(await self._thread(user_id))
        try:
            said = await assistant.answer(self.policy.prompt, thread, self.policy.answer_s)
        except AssistantSilent as error:
            raise SupportChatSilent from error
        await self._add(user_id, Role.ASSISTANT, said[:ANSWER_CHARS_MAX])

    async def _thread(self, user_id: UUID) -> list[Message]:
        async with self.db.reading() as tx:
            rows = await store.messages(tx, user_id)
            key = await self.accounts.identity.vault.key_of(tx, user_id) if rows else None
        if key is None:
            return []
        return [
            Message(id_, Role.ASSISTANT if assistant else Role.USER, key.open(_about(id_), sealed), at, hidden)
            for id_, assistant, hidden, sealed, at in rows
        ]

    async def _add(self, user_id: UUID, role: Role, text: str, *, hidden: bool = False) -> None:
        id_, now = new_id(), self.clock.now()

        async def step(tx: Tx) -> None:
            key = await self.accounts.identity.vault.key_of(tx, user_id)
            if key is not None:
                sealed = key.seal(_about(id_), text)
                await store.add(tx, user_id, id_, role is Role.ASSISTANT, hidden, sealed, now)

        await self.db.again(step)


def _about(id_: UUID) -> str:
    return f"support {id_}"
