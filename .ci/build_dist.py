"""Build the sdist and the wheel so that the same sources give the same bytes.

Usage: python .ci/build_dist.py DIRECTORY. Times are SOURCE_DATE_EPOCH, by default that of the last
commit. The wheel is built from the sdist, as everybody else does it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Build what the command line asks for, and print a line of sha256sum for each file."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or _last_commit())
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        _export(work / "tree")
        (sdist,) = _build(work / "tree", work / "sdist", "--sdist", moment)
        normalised = target / sdist.name
        normalised.write_bytes(_normalised(sdist, moment))
        with tarfile.open(normalised) as archive:
            archive.extractall(work, filter="data")
        source = work / sdist.name.removesuffix(".tar.gz")
        (wheel,) = _build(source, work / "wheel", "--wheel", moment)
        (target / wheel.name).write_bytes(wheel.read_bytes())
    for file in (normalised, target / wheel.name):
        print(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}")
    return 0


def _last_commit() -> str:
    command = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _export(tree: Path) -> None:
    """Copy the files that git knows, so that nothing left over from a build gets in."""
    command = ["git", "ls-files", "-z", "src", "LICENSE", "README.md", "*.toml", "*.cfg", "*.in"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and (name.startswith("src/") or "/" not in name):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())


def _build(source: Path, target: Path, what: str, moment: int) -> list[Path]:
    done = subprocess.run(
        [sys.executable, "-m", "build", what, "--outdir", str(target), str(source)],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(moment)},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return [*target.iterdir()]


def _normalised(sdist: Path, moment: int) -> bytes:
    """Return the sdist with its members in order, without the times and the owner of the build."""
    plain = io.BytesIO()
    with (
        tarfile.open(sdist) as old,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            clean = tarfile.TarInfo(member.name)
            clean.type, clean.size, clean.mtime = member.type, member.size, moment
            clean.mode = 0o755 if member.isdir() else 0o644
            new.addfile(clean, old.extractfile(member) if member.isfile() else None)
    return gzip.compress(plain.getvalue(), mtime=moment)


if __name__ == "__main__":
    sys.exit(main())
