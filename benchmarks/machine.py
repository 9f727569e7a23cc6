"""What the operating system tells about this machine and about running processes; Linux only."""

from __future__ import annotations

import os
import platform
import resource
import socket
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

__all__ = [
    "ALL_CORES",
    "Cores",
    "core_seconds",
    "cpu_seconds",
    "describe",
    "descriptors",
    "free_port",
    "lift_limits",
    "listeners",
    "plan_cores",
    "resident",
    "sentence",
    "sockets",
]

_LIBRARIES = ("aiohttp", "aiohttp-sse-client2", "marshmallow", "msgspec", "uvloop")

ALL_CORES = frozenset(os.sched_getaffinity(0))
"""What this program may use, taken before it confines itself to one core."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core runs what."""

    server: int
    upstream: int
    load: int


def plan_cores() -> Cores:
    """Give the server under test a core of its own; upstream and load share what is left."""
    server, *others = sorted(ALL_CORES)
    if not others:
        others = [server]
    return Cores(server, others[0], others[-1 if len(others) < 2 else 1])


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, all threads, user and system."""
    # The clock that clock_getcpuclockid(3) gives for a process; Python has no name for it.
    return time.clock_gettime((~pid << 3) | 2)


def core_seconds(core: int) -> float:
    """Return for how long a core has run anything, in seconds since the system started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def descriptors(pid: int) -> int:
    """Return how many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - counted, the paths are not needed


def sockets(pid: int) -> dict[str, int]:
    """Return how many TCP connections a process has, by state."""
    owned = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # closed since the directory was read
            continue
        if target.startswith("socket:["):
            owned.add(target[8:-1])
    counts: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[9] in owned:
                state = _STATES.get(columns[3], "other")
                counts[state] = counts.get(state, 0) + 1
    return counts


def listeners(port: int) -> int:
    """Return how many sockets listen on an IPv4 port of this machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ends = [(columns[1].rpartition(":")[2], columns[3]) for columns in map(str.split, lines)]
    return ends.count((f"{port:04X}", "0A"))


_STATES = {"01": "established", "08": "close-wait", "0A": "listen"}


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lift_limits() -> int:
    """Allow this process and its children as many descriptors as the system lets them have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def sentence() -> str:
    """Return the same in two lines for people."""
    found = describe()
    where = [found.pop(name) for name in ("processor", "cores", "memory", "system")]
    libraries = ", ".join(f"{name} {version}" for name, version in found.items())
    return "{}, {} cores, {} of memory, {}.\n{}.".format(*where, libraries)


def describe() -> dict[str, str]:
    """Return what a reader must know of the machine to compare figures."""
    found = {name: _version(name) for name in _LIBRARIES}
    return {
        "processor": _processor(),
        "cores": str(len(ALL_CORES)),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version for name, version in found.items() if version},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
