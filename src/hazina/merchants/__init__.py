"""Merchants: the map of places where customers take money.

Owns the table ``merchant``. Anyone may suggest a place under a customer's name; an operator looks at it before it is
on the map. A customer with a place on the map is a merchant to the fees (``account.merchant``). Places whose owner
has had no transaction for half a year can be swept off.
"""

from hazina.merchants.errors import InvalidCoordinates, InvalidTitle, MerchantUnknown, TooManySuggested
from hazina.merchants.model import Merchant, Place
from hazina.merchants.service import Merchants

__all__ = [
    "InvalidCoordinates",
    "InvalidTitle",
    "Merchant",
    "MerchantUnknown",
    "Merchants",
    "Place",
    "TooManySuggested",
]
