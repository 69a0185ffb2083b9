"""Building the original's test programs against the headers of a library.

The programs include "../include/zmq.h" and "../src/platform.hpp" relative to
themselves, so they are compiled in a staged tree: the original's sources as
links, and the headers of the library under test where those paths lead.
Everything a program is compiled from goes into the name of that tree; a tree
that exists is therefore up to date, and a second run compiles nothing.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
KEPT_TREES = 4

DEFINES = [
    "-DZMQ_BUILD_DRAFT_API",
    "-DUNITY_USE_COMMAND_LINE_ARGS",
    "-DUNITY_EXCLUDE_FLOAT",
]
FLAGS = ["-O0", "-w", "-pthread"]
WRAP = "-Wl,--wrap=UnityDefaultTestRun"

# Beyond its own file: what the original's build adds to this program. It acts
# as a CURVE client byte by byte, with the original's own helpers.
EXTRA_SOURCES = {"test_security_curve": ["err.cpp", "random.cpp", "clock.cpp"]}
EXTRA_FLAGS = {"test_security_curve": ["-DZMQ_USE_LIBSODIUM"]}
EXTRA_LIBRARIES = {"test_security_curve": ["-lsodium"]}

SHARED_SOURCES = [
    "tests/testutil.cpp",
    "tests/testutil_monitoring.cpp",
    "tests/testutil_security.cpp",
    "tests/testutil_unity.cpp",
    "external/unity/unity.c",
]


def program_names(sources):
    """All test programs of the original, from the files and from its own two
    lists, so that none is forgotten whichever way it is there."""
    names = {path.stem for path in (sources / "tests").glob("test_*.cpp")}
    listed = set()
    for build_file in ("Makefile.am", "tests/CMakeLists.txt"):
        text = (sources / build_file).read_text()
        listed |= set(re.findall(r"(?:tests/|\s)(test_[a-z0-9_]+)\b", text))
    listed.discard("test_apps")
    missing = {name for name in listed if name not in names}
    if missing:
        raise SystemExit(f"listed by the original, but without a source: {sorted(missing)}")
    return sorted(names)


def fixed_endpoints(source_text):
    """Endpoints with a fixed port; two programs must not use one at once."""
    ports = {str(5555 + int(n)) for n in re.findall(r"\bENDPOINT_(\d)\b", source_text)}
    if "PORT_6" in source_text:
        ports.add("5561")
    ports |= set(re.findall(r'"(?:tcp|udp)://[^"]*?:(\d{4,5})"', source_text))
    return sorted(ports)


class Suite:
    def __init__(self, sources, headers, platform, library, cache, compiler):
        self.sources = sources
        self.headers = headers
        self.platform = platform
        self.library = library
        self.compiler = compiler
        self.names = program_names(sources)
        self.tree = cache / self._key()
        self.failures = {}

    def executable(self, name):
        return self.tree / "bin" / name

    def source_text(self, name):
        return (self.sources / "tests" / f"{name}.cpp").read_text()

    def _key(self):
        digest = hashlib.sha256()
        version = subprocess.run(
            [self.compiler, "--version"], check=True, stdout=subprocess.PIPE
        ).stdout
        for part in (str(self.sources), " ".join(DEFINES + FLAGS), WRAP):
            digest.update(part.encode())
        digest.update(version)
        inputs = sorted(self.headers.glob("*.h")) + [self.platform, HERE / "case_filter.c"]
        for path in inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def build(self, names, jobs, say):
        """Builds what is missing of `names`; programs that do not compile are
        left in `failures` with the compiler's words."""
        self.tree.parent.mkdir(parents=True, exist_ok=True)
        with open(self.tree.parent / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._forget_old_trees()
            wanted = [name for name in names if not self.executable(name).exists()]
            if not wanted:
                return
            say(f"building {len(wanted)} test programs in {self.tree}")
            self._stage()
            self._build_shared_part()
            with ThreadPoolExecutor(jobs) as pool:
                for name, error in pool.map(self._build_program, wanted):
                    if error:
                        self.failures[name] = error

    def _forget_old_trees(self):
        if self.tree.exists():
            os.utime(self.tree)
        trees = [path for path in self.tree.parent.iterdir() if (path / "tests").is_dir()]
        trees.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in trees[KEPT_TREES:]:
            if path != self.tree:
                shutil.rmtree(path, ignore_errors=True)

    def _stage(self):
        if (self.tree / "libshared.a").exists():
            return
        shutil.rmtree(self.tree, ignore_errors=True)
        for directory in ("tests", "src", "external/unity"):
            staged = self.tree / directory
            staged.mkdir(parents=True)
            for path in (self.sources / directory).iterdir():
                if path.suffix in (".h", ".hpp", ".c", ".cpp"):
                    (staged / path.name).symlink_to(path)
        (self.tree / "include").mkdir()
        for path in self.headers.glob("*.h"):
            shutil.copy(path, self.tree / "include")
        (self.tree / "src" / "platform.hpp").unlink(missing_ok=True)
        shutil.copy(self.platform, self.tree / "src" / "platform.hpp")
        shutil.copy(HERE / "case_filter.c", self.tree)
        (self.tree / "bin").mkdir()

    def _build_shared_part(self):
        archive = self.tree / "libshared.a"
        if archive.exists():
            return
        objects = []
        for source in SHARED_SOURCES + ["case_filter.c"]:
            target = self.tree / (Path(source).stem + ".o")
            language = ["-x", "c"] if source.endswith(".c") else ["-x", "c++"]
            command = [self.compiler, *language, *self._compile_flags()]
            error = self._run([*command, "-c", self.tree / source, "-o", target])
            if error:
                raise SystemExit(f"{source} does not compile:\n{error}")
            objects.append(target)
        error = self._run(["ar", "rcs", archive, *objects])
        if error:
            raise SystemExit(error)

    def _compile_flags(self):
        return [
            *FLAGS,
            *DEFINES,
            f"-I{self.tree}/src",
            f"-I{self.tree}/include",
            f"-I{self.tree}/external/unity",
        ]

    def _build_program(self, name):
        finished = self.executable(name)
        unfinished = finished.with_suffix(".new")
        error = self._run(
            [
                self.compiler,
                *self._compile_flags(),
                *EXTRA_FLAGS.get(name, []),
                f"{self.tree}/tests/{name}.cpp",
                *(f"{self.tree}/src/{source}" for source in EXTRA_SOURCES.get(name, [])),
                "-o",
                unfinished,
                WRAP,
                self.tree / "libshared.a",
                self.library,
                *EXTRA_LIBRARIES.get(name, []),
            ]
        )
        if not error:
            unfinished.rename(finished)
        return name, error

    def _run(self, command):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        return done.stdout or "failed without a word" if done.returncode else None
