"""What the machine does now: processor, memory, disk, network, GPU. Each reader is optional.

psutil reads where it is installed; on Linux without it, /proc does. GPUs need nvidia-ml-py.
Megabytes are 10^6 bytes. Keys are the field's.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from millrace.core.errors import MissingExtra
from millrace.core.lazy import require

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

_MB: Final = 1e6
_PROC: Final = Path("/proc")


class Reader(Protocol):
    """Reads some figures; the first call may only take a mark to measure from."""

    def read(self) -> dict[str, float]:
        """Figures by key, without the `system/` prefix."""
        ...


class Machine:
    """Processor, memory and disk through psutil."""

    def __init__(self, psutil: Any, disk: str = os.sep) -> None:  # noqa: ANN401 - a module
        self._psutil = psutil
        self._disk = disk
        psutil.cpu_percent()

    def read(self) -> dict[str, float]:
        """See `Reader`."""
        memory = self._psutil.virtual_memory()
        return {
            "cpu_utilization_percentage": self._psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MB,
            "system_memory_usage_percentage": memory.percent,
            **_disk(self._disk),
        }


class Network:
    """Megabytes received and sent since the reader was made, through psutil."""

    def __init__(self, psutil: Any) -> None:  # noqa: ANN401 - a module
        self._psutil = psutil
        self._start = psutil.net_io_counters()

    def read(self) -> dict[str, float]:
        """See `Reader`."""
        now = self._psutil.net_io_counters()
        return {
            "network_receive_megabytes": (now.bytes_recv - self._start.bytes_recv) / _MB,
            "network_transmit_megabytes": (now.bytes_sent - self._start.bytes_sent) / _MB,
        }


class ProcMachine:
    """Processor, memory and disk from Linux's /proc."""

    def __init__(self, proc: Path = _PROC, disk: str = os.sep) -> None:
        self._proc = proc
        self._disk = disk
        self._last = self._times()

    def read(self) -> dict[str, float]:
        """See `Reader`."""
        busy, total = self._times()
        spent = total - self._last[1]
        share = 100.0 * (busy - self._last[0]) / spent if spent > 0 else 0.0
        self._last = busy, total
        memory = self._memory()
        used = memory["MemTotal"] - memory["MemAvailable"]
        return {
            "cpu_utilization_percentage": share,
            "system_memory_usage_megabytes": used / _MB,
            "system_memory_usage_percentage": 100.0 * used / memory["MemTotal"],
            **_disk(self._disk),
        }

    def _times(self) -> tuple[float, float]:
        """Busy and all processor time since boot; proc(5), /proc/stat: idle and iowait rest."""
        with (self._proc / "stat").open() as handle:
            fields = [float(word) for word in handle.readline().split()[1:9]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    def _memory(self) -> dict[str, float]:
        """Bytes by name; proc(5), /proc/meminfo: kibibytes."""
        lines = (self._proc / "meminfo").read_text().splitlines()
        words = [line.split() for line in lines]
        return {word[0].rstrip(":"): float(word[1]) * 1024 for word in words if len(word) > 1}


class ProcNetwork:
    """Megabytes received and sent since the reader was made, from Linux's /proc."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._path = proc / "net" / "dev"
        self._start = self._bytes()

    def read(self) -> dict[str, float]:
        """See `Reader`."""
        received, sent = self._bytes()
        return {
            "network_receive_megabytes": (received - self._start[0]) / _MB,
            "network_transmit_megabytes": (sent - self._start[1]) / _MB,
        }

    def _bytes(self) -> tuple[int, int]:
        """Of all interfaces; proc(5), /proc/net/dev: the 1st and 9th column after the name."""
        rows = [line.split(":")[1].split() for line in self._path.read_text().splitlines()[2:]]
        return sum(int(row[0]) for row in rows), sum(int(row[8]) for row in rows)


class Gpus:
    """NVIDIA GPUs through NVML (`nvidia-ml-py`)."""

    def __init__(self, nvml: Any) -> None:  # noqa: ANN401 - a module
        self._nvml = nvml
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
        self._devices = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]

    def read(self) -> dict[str, float]:
        """See `Reader`. What a device does not tell is left out."""
        found: dict[str, float] = {}
        for number, device in enumerate(self._devices):
            for name, value in self._figures(device):
                found[f"gpu_{number}_{name}"] = value
        return found

    def _figures(self, device: Any) -> Iterable[tuple[str, float]]:  # noqa: ANN401 - a handle
        nvml = self._nvml
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(device)
            yield "memory_usage_megabytes", memory.used / _MB
            yield "memory_usage_percentage", 100.0 * memory.used / memory.total
        except nvml.NVMLError as error:
            logger.debug("GPU memory: %s", error)
        try:
            yield "utilization_percentage", float(nvml.nvmlDeviceGetUtilizationRates(device).gpu)
        except nvml.NVMLError as error:
            logger.debug("GPU utilization: %s", error)
        try:
            watts = nvml.nvmlDeviceGetPowerUsage(device) / 1000
            yield "power_usage_watts", watts
            limit = nvml.nvmlDeviceGetEnforcedPowerLimit(device) / 1000
            yield "power_usage_percentage", 100.0 * watts / limit
        except nvml.NVMLError as error:
            logger.debug("GPU power: %s", error)


def available() -> list[Reader]:
    """The readers that work on this machine; `MissingExtra` when none does."""
    found: list[Reader] = []
    try:
        psutil = require("psutil", extra="system")
    except MissingExtra:
        if not (_PROC / "meminfo").exists():
            raise
        found += [ProcMachine(), ProcNetwork()]
    else:
        found += [Machine(psutil), Network(psutil)]
    try:
        found.append(Gpus(require("pynvml", extra="gpu")))
    except MissingExtra:
        pass  # no GPU asked for
    except Exception as error:  # noqa: BLE001 - NVMLError: its class comes with the library
        logger.debug("no NVIDIA GPU: %s", error)
    return found


def _disk(path: str) -> dict[str, float]:
    usage = shutil.disk_usage(path)
    return {
        "disk_usage_percentage": 100.0 * usage.used / (usage.used + usage.free),
        "disk_usage_megabytes": usage.used / _MB,
        "disk_available_megabytes": usage.free / _MB,
    }
