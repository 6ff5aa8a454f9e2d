"""New ids: random, but later ones sort after earlier ones, so that an index grows at its end and not all over."""

from __future__ import annotations

import secrets
import time

_VARIANT = 0b10 << 62  # of RFC 9562; of its version 4 is the digit in between


def new_id() -> str:
    """A UUID; those of one process sort in the order in which they were made."""
    moment = time.time_ns() >> 4  # in front of and behind the four bits that say which kind of UUID it is
    digits = f"{moment >> 12:012x}4{moment & 0xFFF:03x}{_VARIANT | secrets.randbits(62):016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
