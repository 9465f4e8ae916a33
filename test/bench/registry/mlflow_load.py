"""Milliseconds to have the bytes of an artifact by MLflow's own client: from a folder, or through its server's artifact proxy."""
import json
import os
import sys
import tempfile
import time

where, size, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import mlflow
from mlflow import MlflowClient

if not where.startswith("http"):
    os.makedirs(where, exist_ok=True)
    where = "sqlite:///" + os.path.join(where, "mlflow.db")
    os.chdir(os.path.dirname(where[len("sqlite:///"):]))
mlflow.set_tracking_uri(where)
client = MlflowClient()
run = client.create_run(client.create_experiment("load"))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "weights.bin")
    with open(path, "wb") as file:
        file.write(os.urandom(size))
    client.log_artifact(run.info.run_id, path, "model")
times = []
for _ in range(turns):
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        downloaded = client.download_artifacts(run.info.run_id, "model/weights.bin", folder)
        with open(downloaded, "rb") as file:
            assert len(file.read()) == size
        times.append((time.monotonic() - began) * 1000)
print(json.dumps(times))
