# MLflow's server in the version that this project is tested with. MLflow's own image has no driver
# for PostgreSQL. Built from the project's folder: `docker build --file deploy/mlflow.Dockerfile .`
FROM python:3.11-slim

COPY constraints.txt /tmp/constraints.txt
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt mlflow psycopg2-binary \
    && useradd --create-home mlflow \
    && install --directory --owner=mlflow --mode=700 /artifacts

ENV MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
USER mlflow
WORKDIR /home/mlflow
EXPOSE 5000
ENTRYPOINT ["mlflow", "server"]
