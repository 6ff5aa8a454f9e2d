"""Whether artefacts are R4 as an implementation other than our own schema sees it: typed models, with our extensions.

Building the models takes seconds and a hundred megabytes, so only the command that checks artefacts does it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from fhir_svc.record import Json

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # some of the models' fields have names that pydantic warns of
    from fhir.resources.R4B import get_fhir_model_class


def strangers(artefacts: Sequence[Json]) -> Iterator[str]:
    """Say of each artefact what its model does not take: where, and the kind of fault, never a value."""
    for artefact in artefacts:
        place = f"{artefact['resourceType']}/{artefact.get('id', '?')}"
        try:
            model = get_fhir_model_class(artefact["resourceType"])
        except (KeyError, ValueError):
            yield f"{place}: there is no such resource type"
            continue
        try:
            model.model_validate_json(json.dumps(artefact, default=str))
        except ValidationError as wrong:
            for fault in wrong.errors(include_input=False, include_url=False):
                where = ".".join(str(step) for step in fault["loc"])
                yield f"{place} {where}: {fault['type'].replace('_', ' ')}"
