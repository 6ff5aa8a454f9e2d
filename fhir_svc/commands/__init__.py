"""What operators and clinicians do by hand, one module for each noun of the `fhir-svc` command."""
