"""Two Python environments with the same pyzmq on our library.

`wheel` has the binary everybody downloads; our library is preloaded, and its
functions are found before those of the copy inside the wheel. `source` has
pyzmq compiled with its draft API against an installation of ours.
Both live below target/pyzmq and are made again only when their recipe changes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PYZMQ_VERSION = "27.3.0"
HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
TARGET = ROOT / "target" / "pyzmq"
REQUIREMENTS = HERE / "requirements.txt"


def run(*command, **options):
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise SystemExit(f"{done.stdout}\nfailed: {words}")
    return done.stdout


def install_prefix(library, headers):
    """An installation of our library to build against: what CMakeLists.txt
    installs, or the given library and headers in the same places."""
    prefix = TARGET / "prefix"
    shutil.rmtree(prefix, ignore_errors=True)
    if library is None:
        build = TARGET / "cmake"
        options = [f"-DZMQ_CARGO_TARGET_DIR={ROOT}/target/packaged", "-DCMAKE_INSTALL_LIBDIR=lib"]
        run("cmake", "-S", ROOT, "-B", build, f"-DCMAKE_INSTALL_PREFIX={prefix}", *options)
        run("cmake", "--build", build)
        run("cmake", "--install", build)
        return prefix
    (prefix / "lib").mkdir(parents=True)
    (prefix / "include").mkdir()
    shutil.copy(library, prefix / "lib" / "libzmq.so.5")
    (prefix / "lib" / "libzmq.so").symlink_to("libzmq.so.5")
    for header in headers.glob("*.h"):
        shutil.copy(header, prefix / "include")
    return prefix


class Environment:
    def __init__(self, name):
        self.name = name
        self.directory = TARGET / name
        self.python = self.directory / "bin" / "python"

    def prepare(self, recipe, install):
        """Makes the environment unless it was made by the same recipe."""
        stamp = self.directory / "made-by"
        digest = hashlib.sha256(recipe.encode() + REQUIREMENTS.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        print(f"making the {self.name} environment", flush=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        run(sys.executable, "-m", "venv", self.directory)
        self.pip("install", "-r", REQUIREMENTS)
        install(self)
        stamp.write_text(digest)

    def pip(self, *words, **options):
        command = [self.python, "-m", "pip", "--disable-pip-version-check", "-q", *words]
        return run(*command, **options)


def wheel_environment():
    environment = Environment("wheel")
    environment.prepare(
        f"wheel {PYZMQ_VERSION} {sys.version}",
        lambda made: made.pip(
            "install", "--no-deps", "--only-binary", "pyzmq", f"pyzmq=={PYZMQ_VERSION}"
        ),
    )
    return environment


def source_environment(prefix):
    environment = Environment("source")
    headers = b"".join(path.read_bytes() for path in sorted((prefix / "include").glob("*.h")))
    environment.prepare(
        f"source with drafts {PYZMQ_VERSION} {sys.version} {hashlib.sha256(headers).hexdigest()}",
        lambda made: made.pip(
            "install",
            "--no-deps",
            "--no-build-isolation",
            "--no-cache-dir",
            fetched_sources(made),
            env={
                **os.environ,
                "ZMQ_PREFIX": str(prefix),
                "ZMQ_DRAFT_API": "1",
                "PATH": f"{made.directory}/bin:{os.environ['PATH']}",
            },
        ),
    )
    return environment


def fetched_sources(environment):
    """The source package of pyzmq, which holds its tests."""
    directory = TARGET / "sources"
    archive = directory / f"pyzmq-{PYZMQ_VERSION}.tar.gz"
    if not archive.exists():
        environment.pip(
            "download",
            "--no-deps",
            "--no-build-isolation",
            "--no-binary",
            "pyzmq",
            "--dest",
            directory,
            f"pyzmq=={PYZMQ_VERSION}",
            env={**os.environ, "PATH": f"{environment.directory}/bin:{os.environ['PATH']}"},
        )
    return archive


def unpacked_tests(environment):
    """pyzmq's tests, away from its sources, which would be imported instead
    of the installed package."""
    directory = TARGET / f"tests-{PYZMQ_VERSION}"
    if not (directory / "pytest.ini").exists():
        shutil.rmtree(directory, ignore_errors=True)
        root = f"pyzmq-{PYZMQ_VERSION}"
        with tarfile.open(fetched_sources(environment)) as archive:
            for member in archive.getmembers():
                inside = member.name.partition("/")[2]
                if member.isfile() and (inside.startswith("tests/") or inside == "pytest.ini"):
                    place = directory / inside
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(archive.extractfile(member).read())
        if not (directory / "pytest.ini").exists():
            raise SystemExit(f"no tests in {root}")
    return directory


BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: normal symbol `(zmq_\w+)'")


def check_library_is_used(environment, variables, library):
    """Asks the loader itself where the extension's calls of zmq_* go; fails
    unless each and every one goes to `library`."""
    done = subprocess.run(
        [environment.python, "-c", "import zmq; print(zmq.zmq_version())"],
        env={**variables, "LD_BIND_NOW": "1", "LD_DEBUG": "bindings"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise SystemExit(f"{environment.name}: pyzmq cannot be imported:\n{done.stderr[-2000:]}")
    counts = {}
    for source, target, _symbol in BINDING.findall(done.stderr):
        if Path(source).name.startswith("_zmq"):
            counts[target] = counts.get(target, 0) + 1
    if set(counts) != {str(library)}:
        raise SystemExit(f"{environment.name}: pyzmq does not use {library} alone: {counts}")
    print(
        f"{environment.name}: pyzmq {PYZMQ_VERSION} on {library}, libzmq"
        f" {done.stdout.strip()}, all {counts[str(library)]} functions that it calls"
    )
