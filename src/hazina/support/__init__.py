"""Support: a chat with an assistant that is a program, where the operator has set one.

Owns the tables ``support_thread`` and ``support_message``; what is said lies sealed under the person's key. The
assistant is told the person's language, level and country, and nothing else of them.
"""

from hazina.support.errors import InvalidSupportMessage, SupportChatBusy, SupportChatOff, SupportChatSilent
from hazina.support.model import Message, Policy, Role
from hazina.support.ports import Assistant, AssistantSilent
from hazina.support.service import Support

__all__ = [
    "Assistant",
    "AssistantSilent",
    "InvalidSupportMessage",
    "Message",
    "Policy",
    "Role",
    "Support",
    "SupportChatBusy",
    "SupportChatOff",
    "SupportChatSilent",
]
