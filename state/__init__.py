"""Remembers: the registry file, the drift ledger, the journal and their locks."""
