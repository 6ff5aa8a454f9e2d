"""PURE: topic-based Subscriptions for R4 (HL7's subscriptions backport): what is asked for, what is told."""
