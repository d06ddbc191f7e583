"""Ray's schedulers, asked apart from Tune: they advise, and the ledger keeps what was decided."""
