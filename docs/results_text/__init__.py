"""The words of docs/results.md: what was asked, and what the figures do and do not show."""
