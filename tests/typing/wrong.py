"""Mistakes that a type checker must find: one error in each line that ends in `# error`."""

from __future__ import annotations

import millrace

millrace.log_metric("loss", "much")  # error
millrace.log_metric(1, 0.5)  # error
millrace.start_run(nested="yes")  # error
millrace.log_everything()  # error
number: int = millrace.create_experiment("e")  # error
print(millrace.get_experiment_by_name("e").name)  # error
runs: list[str] = millrace.search_runs(output_format="list")  # error
millrace.MillraceClient().log_metric("r", "m")  # error
millrace.log_artifact(3)  # error
millrace.log_text(b"x", "a.txt")  # error
millrace.artifacts.download_everything()  # error
