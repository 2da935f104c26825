"""Repeatable measurements of Millrace beside other servers of the same REST API.

`python -m benchmarks setup|run|report`; how and why is told in docs/internals/benchmarks.md.
Linux only: CPU, memory and the load of neighbours are read from /proc.
"""
