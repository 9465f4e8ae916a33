"""What MLflow's own client says of a server, and what it makes there: a line of JSON with a command and its values in, a line with the answer out."""

import hashlib
import json
import os
import sys
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, Schema

client = MlflowClient()


def digests(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def read_version(name, version, alias):
    found = client.get_model_version(name, version)
    run = client.get_run(found.run_id)
    uri = f"models:/{name}/{version}"
    info = mlflow.models.get_model_info(f"models:/{name}@{alias}")
    with tempfile.TemporaryDirectory() as folder:
        files = digests(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
    model = Model.load(uri)
    return {
        "version": found.version,
        "status": found.status,
        "description": found.description,
        "aliases": list(found.aliases),
        "tags": found.tags,
        "byAlias": client.get_model_version_by_alias(name, alias).version,
        "run": run_of(run),
        "flavors": model.flavors,
        "inputs": json.loads(info.signature.inputs.to_json()),
        "outputs": json.loads(info.signature.outputs.to_json()),
        "listed": sorted(file.path for file in client.list_artifacts(found.run_id, "model")),
        "files": files,
    }


def run_of(run):
    return {
        "status": run.info.status,
        "lifecycle": run.info.lifecycle_stage,
        "name": run.info.run_name,
        "metrics": {key: repr(value) for key, value in run.data.metrics.items()},
        "params": run.data.params,
        "tags": run.data.tags,
    }


def read_run(run_id, metric):
    run = client.get_run(run_id)
    history = client.get_metric_history(run_id, metric)
    artifacts = [file.path for file in client.list_artifacts(run_id)]
    record = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/run-record.json")) if "run-record.json" in artifacts else None
    return {**run_of(run), "history": sorted([point.step, repr(point.value)] for point in history), "artifacts": artifacts, "record": record}


def make_version(name, alias):
    experiment = client.create_experiment(f"of {name}")
    run = client.create_run(experiment, run_name="by hand")
    run_id = run.info.run_id
    client.log_param(run_id, "depth", 7)
    client.log_metric(run_id, "auc", 0.5, step=0)
    client.log_metric(run_id, "auc", 0.81, step=1)
    client.log_metric(run_id, "broken", float("nan"))
    with tempfile.TemporaryDirectory() as folder:
        model = Model(artifact_path="model", run_id=run_id, signature=ModelSignature(inputs=Schema([ColSpec("double", "x")])))
        model.add_flavor("python_function", loader_module="nowhere")
        model.save(os.path.join(folder, "MLmodel"))
        client.log_artifacts(run_id, folder, "model")
    client.set_terminated(run_id)
    client.create_registered_model(name)
    made = client.create_model_version(name, f"{run.info.artifact_uri}/model", run_id, tags={"team": "risk"}, description="made by hand")
    client.set_registered_model_alias(name, alias, made.version)
    return {"version": made.version, "runId": run_id}


COMMANDS = {function.__name__: function for function in (read_version, read_run, make_version)}

# The client prints links of its own: they must not come between the answers.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"answer": COMMANDS[request["command"]](**request["values"])}
    except Exception as error:  # noqa: BLE001
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
