"""Run by an environment with Triton's client, which is not ours: asks a server, prints JSON."""

from __future__ import annotations

import json
import sys

import numpy as np
import tritonclient.http as triton

client = triton.InferenceServerClient(sys.argv[1])
found = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready() and client.is_model_ready("model"),
    "inputs": [one["name"] for one in client.get_model_metadata("model")["inputs"]],
}
columns = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, -4.0])}
for way in ("json", "binary"):
    inputs = []
    for name, values in columns.items():
        one = triton.InferInput(name, list(values.shape), "FP64")
        one.set_data_from_numpy(values, binary_data=way == "binary")
        inputs.append(one)
    outputs = [triton.InferRequestedOutput("output-0", binary_data=way == "binary")]
    answer = client.infer("model", inputs, outputs=outputs, request_id="7")
    found[way] = answer.as_numpy("output-0").tolist()
    found[f"{way}_id"] = answer.get_response()["id"]
try:
    bad = triton.InferInput("a", [1], "FP64")
    bad.set_data_from_numpy(np.array([1.0]))
    client.infer("model", [bad])
except triton.InferenceServerException as error:
    found["refused"] = str(error)
print(json.dumps(found))
