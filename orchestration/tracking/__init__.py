"""MLflow, boxed: it shows what the ledger says."""
