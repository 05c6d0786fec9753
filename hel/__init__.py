"""Hel collects audit logs from SaaS APIs and emits one NDJSON line per event."""

__version__ = "0.1.0"
