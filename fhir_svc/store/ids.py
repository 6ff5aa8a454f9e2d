"""New ids: random, but later ones sort after earlier ones, so that an index grows at its end and not all over."""

from __future__ import annotations

import os
import time


def new_id() -> str:
    """A UUID; those of one process sort in the order in which they were made."""
    moment = f"{time.time_ns() >> 4:015x}"  # in front of and behind the digit that says version 4 (RFC 9562)
    chance = os.urandom(8).hex()
    variant = "89ab"[int(chance[0], 16) & 3]
    return f"{moment[:8]}-{moment[8:12]}-4{moment[12:]}-{variant}{chance[1:4]}-{chance[4:]}"
