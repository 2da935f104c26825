"""Train a small network with PyTorch, keep it as a graph, register it, load it by alias, serve it.

    pip install 'millrace[pytorch]'
    python examples/pytorch_model.py

Records go to MLFLOW_TRACKING_URI, or to millrace.db here.
"""

from __future__ import annotations

import numpy as np
import torch
from serving import served

import millrace


def main() -> None:
    """From data to a prediction of the registered model."""
    torch.manual_seed(7)
    values = torch.randn(256, 3)
    target = values[:, :1] * 2 - values[:, 1:2]
    network = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)

    millrace.set_experiment("network")
    with millrace.start_run():
        for epoch in range(60):
            loss = torch.nn.functional.mse_loss(network(values), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            millrace.log_metric("loss", loss.item(), step=epoch, synchronous=False)
        rows = values[:2].numpy()
        info = millrace.pytorch.log_model(
            network,
            name="network",
            input_example=rows,
            export_example=rows,  # its graph and weights are kept, and no code
            registered_model_name="network",
        )
    version = info.registered_model_version
    millrace.set_registered_model_alias("network", "champion", version)

    champion = millrace.pyfunc.load_model("models:/network@champion")
    with torch.no_grad():
        expected = network(values).numpy()
    print("equal predictions:", np.allclose(champion.predict(values.numpy()), expected, atol=1e-5))
    with served("models:/network@champion") as score:
        scored = score({"inputs": values.tolist()})
    print("its server agrees:", np.allclose(scored, expected, atol=1e-5))


if __name__ == "__main__":
    main()
