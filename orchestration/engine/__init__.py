"""What runs next, who runs it, and how results enter the ledger; Ray, boxed."""
