"""Keep the files of a run and read them back: a checkpoint, a picture of the loss, a table.

    python examples/artifacts.py

Records go to MLFLOW_TRACKING_URI, or to millrace.db here; then files go to mlartifacts here.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import millrace


def main() -> None:
    """Log, list, download, compare."""
    losses = [0.9 * 0.7**epoch for epoch in range(8)]
    with tempfile.TemporaryDirectory() as folder, millrace.start_run(run_name="files") as run:
        checkpoint = Path(folder, "checkpoint.json")
        for epoch, loss in enumerate(losses):
            millrace.log_metric("loss", loss, step=epoch)
            checkpoint.write_text(json.dumps({"epoch": epoch, "weights": [loss] * 100}))
            millrace.log_artifact(checkpoint, f"checkpoints/{epoch}")
            millrace.log_table({"epoch": [epoch], "loss": [loss]}, "losses.json")
        millrace.log_text(picture(losses), "loss.svg")
        millrace.log_dict({"epochs": len(losses), "rate": 0.7}, "config.yml")

    run_id = run.info.run_id
    for entry in millrace.artifacts.list_artifacts(run_id=run_id):
        print(f"{entry.path}/" if entry.is_dir else f"{entry.path} ({entry.file_size} bytes)")
    with tempfile.TemporaryDirectory() as folder:
        where = millrace.artifacts.download_artifacts(
            f"runs:/{run_id}/checkpoints/7", dst_path=folder
        )
        last = json.loads(Path(where, "checkpoint.json").read_text())
    config = millrace.artifacts.load_dict(f"runs:/{run_id}/config.yml")
    print(f"epoch {last['epoch']} of {config['epochs']}, loss {last['weights'][0]:.3f}")


def picture(losses: list[float]) -> str:
    """The losses as a line, in SVG."""
    points = " ".join(f"{10 * n},{100 - 100 * loss:.1f}" for n, loss in enumerate(losses))
    line = f'<polyline points="{points}" fill="none" stroke="currentColor"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 100">{line}</svg>'


if __name__ == "__main__":
    main()
