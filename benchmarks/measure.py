"""Steps measured in a process each, so that the memory of each is its own peak."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import history

Steps = dict[str, Callable[[history.History], object]]


def run(steps: Steps) -> bool:
    """In the child that `spent` started: the step it names, on the estate it names."""
    if sys.argv[1:2] != ["--in"]:
        return False
    folder, step = Path(sys.argv[2]), sys.argv[3]
    place = history.History.at(folder)
    began, cpu = time.perf_counter(), time.process_time()
    said = steps[step](place)
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e6
    (folder / f"{step}.spent").write_text(str(spent))
    figures = f"{spent:7.2f} s   CPU {cpu:7.2f} s   {peak:5.2f} GB   load {os.getloadavg()[0]:.1f}"
    print(f"  {step:18} {figures}   {said or ''}", flush=True)
    return True


def spent(folder: Path, step: str) -> float:
    """Seconds that `step` of the program running takes in a child."""
    subprocess.run([sys.executable, sys.argv[0], "--in", folder, step], check=True)
    return float((folder / f"{step}.spent").read_text())
