"""fhir-svc: decides, drafts, has signed and delivers orders for low back pain and lumbar spinal stenosis."""
