from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from millrace.core import lazy
from millrace.core.errors import MissingExtra
from millrace.telemetry import readers

STAT = "cpu  {user} 0 100 {idle} 50 0 0 0 0 0\ncpu0 1 2 3\n"
MEMINFO = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:    4000000 kB\n"
NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo: {received} 10 0 0 0 0 0 0 {sent} 10 0 0 0 0 0 0
  eth0: 5000000 10 0 0 0 0 0 0 0 10 0 0 0 0 0 0
"""

MACHINE = {
    "cpu_utilization_percentage",
    "system_memory_usage_megabytes",
    "system_memory_usage_percentage",
    "disk_usage_percentage",
    "disk_usage_megabytes",
    "disk_available_megabytes",
}
NETWORK = {"network_receive_megabytes", "network_transmit_megabytes"}


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    (tmp_path / "stat").write_text(STAT.format(user=100, idle=800))
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "net" / "dev").write_text(NET.format(received=0, sent=0))
    return tmp_path


def test_proc_tells_processor_and_memory(proc: Path):
    reader = readers.ProcMachine(proc)
    (proc / "stat").write_text(STAT.format(user=130, idle=870))

    found = reader.read()

    assert found.keys() == MACHINE
    assert found["cpu_utilization_percentage"] == pytest.approx(30.0)
    assert found["system_memory_usage_megabytes"] == pytest.approx(12_000_000 * 1024 / 1e6)
    assert found["system_memory_usage_percentage"] == pytest.approx(75.0)
    assert reader.read()["cpu_utilization_percentage"] == 0.0


def test_proc_tells_the_network_since_the_start(proc: Path):
    reader = readers.ProcNetwork(proc)
    (proc / "net" / "dev").write_text(NET.format(received=2_500_000, sent=1_000_000))

    assert reader.read() == {
        "network_receive_megabytes": 2.5,
        "network_transmit_megabytes": 1.0,
    }


@pytest.mark.parametrize("kind", ["psutil", "proc"])
def test_this_machine_can_be_read(kind: str):
    if kind == "psutil":
        made = [readers.Machine(psutil), readers.Network(psutil)]
    elif Path("/proc/meminfo").exists():
        made = [readers.ProcMachine(), readers.ProcNetwork()]
    else:
        pytest.skip("no /proc on this system")

    found = {**made[0].read(), **made[1].read()}

    assert found.keys() == MACHINE | NETWORK
    assert all(math.isfinite(value) and value >= 0 for value in found.values())
    assert found["system_memory_usage_megabytes"] > 1
    assert all(found[key] <= 100 for key in found if key.endswith("_percentage"))


def test_without_psutil_proc_serves(monkeypatch: pytest.MonkeyPatch):
    def missing(module: str, *, extra: str) -> None:
        raise MissingExtra(f"{module} {extra}")

    monkeypatch.setattr(readers, "require", missing)

    assert [type(each).__name__ for each in readers.available()] == ["ProcMachine", "ProcNetwork"]
    monkeypatch.setattr(readers, "_PROC", Path("/nowhere"))
    with pytest.raises(MissingExtra):
        readers.available()


# --- GPU ------------------------------------------------------------------------------------------


class NVMLError(Exception):
    pass


class Nvml(SimpleNamespace):
    """The library as its reference has it: bytes, percent, milliwatts. One device tells less."""

    NVMLError = NVMLError

    def nvmlInit(self) -> None:  # noqa: N802 - its name there
        self.is_initialised = True

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:  # noqa: N802
        return number

    def nvmlDeviceGetMemoryInfo(self, _: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(total=150_754_820_096, free=150_000_000_000, used=754_820_096)

    def nvmlDeviceGetUtilizationRates(self, _: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=37, memory=5)

    def nvmlDeviceGetPowerUsage(self, device: int) -> int:  # noqa: N802
        if device:
            raise NVMLError("Not Supported")
        return 76_312

    def nvmlDeviceGetEnforcedPowerLimit(self, _: int) -> int:  # noqa: N802
        return 700_000


def test_gpus_tell_what_they_can():
    found = readers.Gpus(Nvml()).read()

    assert found == {
        "gpu_0_memory_usage_megabytes": pytest.approx(754.820096),
        "gpu_0_memory_usage_percentage": pytest.approx(0.5007, abs=1e-3),
        "gpu_0_utilization_percentage": 37.0,
        "gpu_0_power_usage_watts": pytest.approx(76.312),
        "gpu_0_power_usage_percentage": pytest.approx(10.9, abs=0.01),
        "gpu_1_memory_usage_megabytes": pytest.approx(754.820096),
        "gpu_1_memory_usage_percentage": pytest.approx(0.5007, abs=1e-3),
        "gpu_1_utilization_percentage": 37.0,
    }


def test_a_machine_without_a_driver_has_no_gpus(monkeypatch: pytest.MonkeyPatch):
    class Driverless(Nvml):
        def nvmlInit(self) -> None:  # noqa: N802
            raise NVMLError("Driver Not Loaded")

    def require(module: str, *, extra: str) -> object:
        return Driverless() if module == "pynvml" else lazy.require(module, extra=extra)

    monkeypatch.setattr(readers, "require", require)

    assert [type(each).__name__ for each in readers.available()] == ["Machine", "Network"]
