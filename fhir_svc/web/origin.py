"""Refuses state-changing requests that another site's page made a browser send (cross-site request forgery).

Works without tokens in forms: browsers say where a request comes from (`Origin`, `Sec-Fetch-Site`), pages can't forge
either, and our cookie is SameSite=Strict besides. Programs that are no browsers send neither header and pass.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from flask import Request

from fhir_svc.errors import Forbidden

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES: Final = frozenset({"same-origin", "none"})


def refuse_foreign(request: Request, *, base_url: str, cors_origins: Collection[str] = ()) -> None:
    """Raise Forbidden (403) for a state-changing request that a page of another origin sent.

    `cors_origins` are trusted only for requests that carry a bearer token: those never act by a cookie.
    """
    if request.method in SAFE:
        return
    origin = request.headers.get("Origin")
    bearer = request.headers.get("Authorization", "").lower().startswith("bearer ")
    if bearer and origin in cors_origins:
        return
    own = {_origin(base_url), _origin(request.host_url)}
    if origin is not None and origin not in own:
        raise Forbidden("This request comes from a page of another site.", error="foreign-origin")
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        raise Forbidden("This request comes from a page of another site.", error="foreign-origin")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
