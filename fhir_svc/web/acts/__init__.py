"""The acts of physicians on drafts and reviews, each one audited transaction; pages and FHIR operations share them."""
