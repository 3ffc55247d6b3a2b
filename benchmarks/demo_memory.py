"""The demo with its memory: time, and the most that all its processes hold together, Ray's own apart (Linux).

    python benchmarks/demo_memory.py FOLDER

Memory is the proportional set size, in which a page that several processes share counts once.  Ray's own are its
scheduler, store and agents; the workers that run our code count as ours, the Ray library in them included.
"""

import subprocess
import sys
import time
from pathlib import Path

RAY = ("raylet", "gcs_server", "dashboard", "log_monitor", "runtime_env", "monitor.py", "ray::IDLE", "Agent")


def ours(root: int) -> dict[str, float]:
    """Megabytes by process of the tree below `root`, Ray's own left out."""
    parent, name = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            name[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    found = {}
    for process in parent:
        above, line = process, []
        while above in parent and above != root:
            line.append(above)
            above = parent[above]
        if above != root or any(word in name[process] for word in RAY) or process == root:
            continue
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        size = sum(int(row.split()[1]) for row in rollup.splitlines() if row.startswith("Pss:")) / 1024
        found[f"{process} {name[process][:60].strip()}"] = size
    return found


def main() -> None:
    command = [sys.executable, "-c", "from experiments.cli import main; main()", "demo", "--out", sys.argv[1]]
    start, most, at = time.perf_counter(), 0.0, {}
    with subprocess.Popen(command) as demo:
        while demo.poll() is None:
            now = ours(demo.pid)
            try:
                rollup = Path(f"/proc/{demo.pid}/smaps_rollup").read_text()
                now["driver"] = sum(int(r.split()[1]) for r in rollup.splitlines() if r.startswith("Pss:")) / 1024
            except (OSError, IndexError):
                continue
            if sum(now.values()) > most:
                most, at = sum(now.values()), now
            time.sleep(1.0)
    print(f"time {time.perf_counter() - start:.0f} s, most memory {most:.0f} MB:")
    for name, size in sorted(at.items(), key=lambda pair: -pair[1]):
        print(f"{size:8.0f} MB  {name}")


if __name__ == "__main__":
    main()
