"""One writer on MLflow's own model registry store: in process on SQLite, or through its server. The protocol is that of worker.ts."""
import json
import sys
import time

job = json.loads(sys.argv[1])
uri = job["uri"]
if uri.startswith("sqlite"):
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
    store = SqlAlchemyStore(uri)
else:
    from mlflow.store.model_registry.rest_store import RestStore
    from mlflow.utils.credentials import get_default_host_creds
    store = RestStore(lambda: get_default_host_creds(uri))
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException

model = job["model"]
payload = job["payload"]


def register():
    # What is kept of a version is as large as our record of it, in tags below MLflow's limit.
    tags = [ModelVersionTag(f"manifest-{i}", payload[i:i + 4000]) for i in range(0, len(payload), 4000)]
    store.create_model_version(model, "s3://bucket/model", tags=tags)


def once(turn):
    if job["operation"] == "register":
        register()
    else:
        store.set_registered_model_alias(model, "alias-" + job["writer"], str(1 + turn % 2))


try:
    store.create_registered_model(model)
except MlflowException:
    pass
for _ in range(job.get("prefill", 0)):
    register()
if "durationMs" in job:
    once(0)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    operations = failed = 0
    while (time.monotonic() - began) * 1000 < job["durationMs"]:
        try:
            once(operations + 1)
            operations += 1
        except Exception:
            failed += 1
    print(json.dumps({"operations": operations, "failed": failed, "elapsedMs": (time.monotonic() - began) * 1000}), flush=True)
