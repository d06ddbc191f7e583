"""MLflow, boxed: it shows what the ledger says."""

import os

# Read by MLflow when it is imported, so set before anything here imports it. Its client would call
# home, wait for minutes, and ask again for what may have been done already, such as a new run:
# whoever brings things there tries again, and looks first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
