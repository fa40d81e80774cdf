"""Who reported, so far as one day's reports of one person can be told from another's, and no further."""

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import phonenumbers

KINDS: Final = ("account_id", "device_id", "email", "phone")
"""Of these the first that a contact has tells who it is: a name is too many people's."""
_LENGTH: Final = 22
"""Characters of base64, 6 bits each: 132 bits."""


def pseudonym(secret: str, received_at: datetime, contact: Mapping[str, str], region: str) -> str:
    """Give the same word for the same contact on the same day (UTC), which nobody makes without the secret.

    Empty without a secret, and for a contact that has none of `KINDS`. `region` (ISO 3166) is the country of telephone
    numbers without one.
    """
    if not secret:
        return ""
    for kind in KINDS:
        if value := _plain(kind, contact.get(kind, ""), region):
            said = f"{received_at.astimezone(UTC):%Y-%m-%d}\n{kind}\n{value}"
            digest = hmac.digest(secret.encode(), said.encode("utf-8", "surrogatepass"), hashlib.sha256)
            return base64.urlsafe_b64encode(digest).decode()[:_LENGTH]
    return ""


def _plain(kind: str, value: str, region: str) -> str:
    """Give a value as it is written the same every time."""
    value = unicodedata.normalize("NFKC", value).strip()
    if kind == "email":
        return value.casefold()
    return _dialled(value, region) if kind == "phone" else value


def _dialled(value: str, region: str) -> str:
    try:
        number = phonenumbers.parse(value, region or None)
    except phonenumbers.NumberParseException:
        return "".join(sign for sign in value if sign.isdecimal()) or value.casefold()
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
