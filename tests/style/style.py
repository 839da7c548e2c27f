#!/usr/bin/env python3
"""Rules of the code base that a compiler does not check. One finding a line: FILE:LINE: MESSAGE.

  headers   each public header compiles alone and includes std only
  includes  who may include whom (the tables below)
  words     clocks, randomness and threads stay in named files; no leftovers, no machine paths
  promises  each test that docs/guarantees.md or docs/threat-model.md names exists
  selftest  each rule finds a planted violation
"""
import argparse
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

CODE = ("include", "http", "model", "storage", "messages", "actors", "handlers", "testing", "node",
        "examples", "bench", "tests")

# Which project folders a folder may include (besides itself). Absent: any.
ARROWS = {
    "include": [],
    "http": ["tenax"],  # of tenax no more than tenax/result.hpp, see below
    "model": ["tenax"],
    "storage": ["tenax", "model"],
    "messages": ["tenax", "model"],
    "actors": ["tenax", "model", "messages", "storage"],  # storage: interfaces only, see below
    "handlers": ["tenax"],
    "examples": ["tenax"],
}

# Rooms within a folder, and the headers of that folder that they may include.
ROOMS = {
    # How documents are read and written: they know a workflow's data, not its rules.
    "model/documents": ["model/assert.hpp", "model/definition.hpp", "model/event.hpp",
                        "model/validate.hpp"],
    # A library of its own: nothing of the program.
    "node/api": [],
    "node/http_action": [],
}

# Where each third-party library may appear. bench/ measures CAF and RocksDB alone, as the limit.
THIRD_PARTY = {
    "caf": ["messages", "actors", "testing", "tests/unit/messages", "tests/unit/actors", "tests/sim",
            "bench"],
    "rocksdb": ["storage", "testing", "tests/unit/storage", "tests/sim", "tests/fault", "bench"],
    "protobuf": ["storage", "tests/unit/storage", "tests/fault"],
    "xxhash": ["model", "storage", "tests"],
    "nlohmann": ["model", "handlers", "node", "bench", "examples", "tests"],
    "spdlog": ["actors", "node", "bench", "tests"],
    "CLI": ["node", "bench", "tests"],
    "toml++": ["node", "tests/fuzz"],
    "curl": ["node", "examples/workers", "tests/unit/http_action"],
    "boost": ["http", "tests"],
    "openssl": ["http", "node/api", "tests/unit/http"],
    "fuzzer": ["tests/fuzz"],
}
# For programs that have the library; no other header of ours includes it.
OPTIONAL_HEADER = "include/tenax/nlohmann.hpp"
# Projects of their own, for people to copy: their files include each other by name.
ALONE = ("examples/order_service", "examples/workers")
SYSTEM_FOLDERS = {"sys", "linux", "netinet", "arpa", "net"}

# (name, pattern, message, {file: reason}).
TESTS = {"tests/*": "tests drive the outside world", "bench/*": "measures real time"}
WORKERS = {"examples/workers/*": "programs of their own: no part of them is simulated"}
WORDS = [
    ("clock", r"\b(system|steady|high_resolution)_clock::now\b|\b(clock_gettime|gettimeofday)\s*\(",
     "take the time from model/seams.hpp, so that simulation can set it", {
         "model/seams.*": "the seam itself",
         "actors/engine.*": "drain's timeout runs in its caller's time",
         "storage/journal.*": "how long the writer thread looks for more before it sleeps",
         "actors/pool_executor.*": "how long a handler has run",
         "http/*": "deadlines of clients, and the date of answers",
         "node/*": "a program: durations for people",
         "testing/*": "fakes of the seam",
         **WORKERS,
         **TESTS}),
    ("random", r"\bs?rand\s*\(|\bstd::random_device\b",
     "draw from tenax::rng, so that simulation can repeat it", {
         "model/seams.*": "seeds the real generator",
         **WORKERS,
         **TESTS}),
    ("thread", r"\bstd::j?thread\b(?!::)|\bstd::async\b|\bdetached\b|\bthis_thread::sleep_",
     "only named files may start threads or sleep, so that simulation can run without", {
         "storage/journal.*": "the one writer thread",
         "actors/pool_executor.*": "the bounded pool for blocking handlers",
         "examples/order_service/world.cpp": "an outside world that takes its time",
        "actors/caf_thread.hpp": "a step of CAF that must leave nothing for the caller's thread",
         "actors/engine.*": "drain waits on its caller's thread",
         "actors/scheduler.*": "CAF's clock thread",
         "handlers/exec*": "waits for a child process",
         "http/server.*": "the io threads",
         "node/*": "a program: signals, serving",
         **WORKERS,
         **TESTS}),
    ("locale", r"\b(std::locale|setlocale|uselocale|newlocale|localeconv)\b|\batof\s*\("
               r"|\b(strto|std::sto)(f|d|ld)\b|\bstd::[io]?stringstream\b",
     "numbers are read and printed without the locale: from_chars, to_chars, model/documents", {
         "model/plain_numbers.cpp": "what keeps it away from third-party code",
         "tests/*": "tests set it",
         "bench/*": "a program that never sets it"}),
    ("json", r"\bjson::(parse|sax_parse)\s*\(",
     "the parser asks the locale for its decimal point: tenax::plain_numbers around it", {
         "model/documents/json_parse.cpp": "under plain_numbers",
         "handlers/input.cpp": "under plain_numbers",
         "node/spin.cpp": "under plain_numbers",
         "node/json_output.cpp": "under plain_numbers",
         "node/run_terms.cpp": "under plain_numbers",
         "include/tenax/nlohmann.hpp": "under plain_numbers",
         **WORKERS,
         "tests/*": "documents of tests",
         "bench/*": "a program that never sets it"}),
]
LEFTOVERS = r"\b(TODO|FIXME|XXX)\b"
MACHINE = (r"/(work|home|root|tmp/bash_jobs)/|deb\.debian\.org|pypi\.org|pythonhosted|crates\.io"
           r"|registry\.npmjs|proxy\.golang|conan\.io")
TEXT = (".cpp", ".hpp", ".ts", ".css", ".html", ".mjs", ".proto", ".cmake", ".in", ".txt", ".md", ".json", ".py", ".sh", ".yml",
        ".supp", "")


def files(root, folders=None, suffixes=(".cpp", ".hpp")):
    """Paths relative to root."""
    for folder, subfolders, names in os.walk(root):
        here = os.path.relpath(folder, root).replace(os.sep, "/")
        subfolders[:] = sorted(d for d in subfolders if not (here == "." and (
            d in (".git", "build", "tenax-data") or d.startswith("build-"))) and d != "__pycache__")
        if folders and here != "." and here.split("/")[0] not in folders:
            subfolders[:] = []
            continue
        for name in sorted(names):
            path = name if here == "." else f"{here}/{name}"
            if os.path.splitext(name)[1] in suffixes and (not folders or here != "."):
                yield path


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


BLANKED = re.compile("|".join((
    r"//[^\n]*", r"/\*.*?\*/",            # comments
    r'R"(\w*)\(.*?\)\1"',                 # raw strings
    r'"(?:\\.|[^"\\\n])*"', r"'(?:\\.|[^'\\\n])'",
)), re.S)


def without_comments(text):
    """Comments and literals blanked, lines kept."""
    return BLANKED.sub(lambda m: "\n" * m.group().count("\n"), text)


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


def third_party(name):
    """The library of an include, "" for std, POSIX and project headers, None if unknown."""
    if name.endswith(".pb.h") or name.startswith("google/protobuf/"):
        return "protobuf"
    if name in ("xxhash.h", "xxh3.h"):
        return "xxhash"
    first = name.split("/")[0]
    if first in THIRD_PARTY:
        return first
    if "/" not in name or first in SYSTEM_FOLDERS or first == "tenax":
        return ""
    return None


def check_includes(root, _compiler):
    code = {path: list(includes_of(read(root, path))) for path in files(root, CODE)}

    def stored(path, seen):
        """Whether a header reaches RocksDB or protobuf."""
        if path in seen:
            return False
        seen.add(path)
        return any(third_party(name) in ("rocksdb", "protobuf") or stored(name, seen)
                   for _, _, name in code.get(path, []))

    for path, found in code.items():
        folder = path.split("/")[0]
        for line, style, name in found:
            where = f"{path}:{line}"
            first = name.split("/")[0]
            ours = "/" in name and (first in CODE or first == "tenax") and not name.endswith(".pb.h")
            if ours:
                if style == "<" and folder not in ("tests", "examples"):
                    yield f'{where}: project headers are included with "": {name}'
                allowed = ARROWS.get(folder)
                mine = "tenax" if folder == "include" else folder
                room = os.path.dirname(path)
                if (room in ROOMS and first == folder and os.path.dirname(name) != room
                        and name not in ROOMS[room]):
                    yield f"{where}: {room}/ may not include {name}"
                if allowed is not None and first != mine and first not in allowed:
                    yield f"{where}: {folder}/ may not include {first}/"
                elif folder == "http" and first == "tenax" and name != "tenax/result.hpp":
                    yield f"{where}: http/ may not include {name}"
                elif folder == "actors" and first == "storage" and stored(name, set()):
                    yield f"{where}: actors/ may include storage interfaces only; {name} reaches RocksDB"
                continue
            if os.path.dirname(path) in ALONE and f"{os.path.dirname(path)}/{name}" in code:
                continue
            if style == '"' and not name.endswith(".pb.h"):
                yield f"{where}: include project headers by their path from the root: {name}"
                continue
            library = third_party(name)
            if path == OPTIONAL_HEADER and library == "nlohmann":
                continue
            if folder == "include" and ("/" in name or name.endswith(".h")):
                yield f"{where}: public headers include std only: {name}"
            elif library is None:
                yield f"{where}: unknown library, name it in tests/style/style.py: {name}"
            elif library and not any(path.startswith(p + "/") for p in THIRD_PARTY[library]):
                yield f"{where}: {library} may not appear here: {name}"


def check_headers(root, compiler):
    include = os.path.join(root, "include")
    headers = [p for p in files(root, ("include",), (".hpp",))]
    for path in headers:
        name = path[len("include/"):]
        text = f'#include "{name}"\n#include "{name}"\n'
        with tempfile.NamedTemporaryFile(suffix=".d") as made:
            run = subprocess.run(
                [compiler, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++",
                 "-fsyntax-only", "-MD", "-MF", made.name, "-I", include, "-"],
                input=text, text=True, capture_output=True, check=False)
            if run.returncode:
                yield f"{path}:1: does not compile alone\n{run.stderr}"
                continue
            reached = made.read().decode()
        for library in THIRD_PARTY:
            if path == OPTIONAL_HEADER and library == "nlohmann":
                continue
            if re.search(rf"/include/({library}/|{library}\.h)", reached):
                yield f"{path}:1: reaches {library}"


def check_words(root, _compiler):
    for path in files(root, CODE):
        lines = without_comments(read(root, path)).splitlines()
        for _, pattern, message, allowed in WORDS:
            if any(fnmatch.fnmatch(path, glob) for glob in allowed):
                continue
            for number, line in enumerate(lines, 1):
                match = re.search(pattern, line)
                if match:
                    yield f"{path}:{number}: {match.group()}: {message}"
    for path in files(root, suffixes=TEXT):
        if path == "tests/style/style.py":
            continue
        for number, line in enumerate(read(root, path).splitlines(), 1):
            for pattern, message in ((LEFTOVERS, "leftover"), (MACHINE, "machine path or host")):
                match = re.search(pattern, line)
                if match:
                    yield f"{path}:{number}: {match.group()}: {message}"


def check_promises(root, _compiler):
    tests = set()
    for path in files(root, ("tests",), (".cpp",)):
        tests.update(re.findall(r"BOOST_(?:AUTO|FIXTURE)_TEST_CASE\(\s*(\w+)", read(root, path)))
    for path in files(root, ("tests",), (".mjs",)):
        tests.update(re.findall(r"^test\('(\w+)'", read(root, path), re.M))
    for page in ("docs/guarantees.md", "docs/threat-model.md"):
        if not os.path.exists(os.path.join(root, page)):
            continue
        for number, line in enumerate(read(root, page).splitlines(), 1):
            if not line.startswith("|") or line.startswith(("|---", "| promise", "| threat")):
                continue
            named = re.findall(r"`(\w+)`", line.rstrip("| ").rsplit("|", 1)[1])
            if not named:
                yield f"{page}:{number}: a promise without a test"
            for name in named:
                if name not in tests:
                    yield f"{page}:{number}: no such test: {name}"


PLANTED = [  # (check, file, text, what must be found)
    ("includes", "model/a.cpp", '#include "storage/store.hpp"\n', "may not include storage"),
    ("includes", "model/documents/a.cpp", '#include "model/state.hpp"\n',
     "may not include model/state.hpp"),
    ("includes", "include/tenax/a.hpp", "#include <caf/all.hpp>\n", "std only"),
    ("includes", "include/tenax/a.hpp", '#include "model/state.hpp"\n', "may not include model"),
    ("includes", "node/a.cpp", "#include <rocksdb/db.h>\n", "rocksdb may not appear"),
    ("includes", "storage/a.cpp", "#include <caf/actor.hpp>\n", "caf may not appear"),
    ("includes", "actors/a.cpp", '#include "storage/rocks.hpp"\n', "reaches RocksDB"),
    ("includes", "actors/a.cpp", '#include "storage/two_steps.hpp"\n', "reaches RocksDB"),
    ("includes", "http/a.cpp", '#include "tenax/engine.hpp"\n', "may not include tenax/engine.hpp"),
    ("includes", "http/a.cpp", '#include "model/state.hpp"\n', "may not include model"),
    ("includes", "model/a.cpp", '#include "http/server.hpp"\n', "may not include http"),
    ("includes", "actors/a.cpp", "#include <boost/asio/post.hpp>\n", "boost may not appear"),
    ("includes", "handlers/a.cpp", '#include "model/state.hpp"\n', "may not include model"),
    ("includes", "actors/a.cpp", "#include <nlohmann/json.hpp>\n", "nlohmann may not appear"),
    ("includes", "model/a.cpp", "#include <zmq/zmq.h>\n", "unknown library"),
    ("includes", "model/a.cpp", '#include "state.hpp"\n', "path from the root"),
    ("includes", "examples/order_service/a.cpp", '#include "elsewhere.hpp"\n', "path from the root"),
    ("headers", "include/tenax/a.hpp", "std::string f();\n", "does not compile alone"),
    ("words", "actors/a.cpp", "auto t = std::chrono::steady_clock::now();\n", "steady_clock"),
    ("words", "model/a.cpp", "int x = rand();\n", "rand"),
    ("words", "model/a.cpp", "std::random_device d;\n", "random_device"),
    ("words", "actors/a.cpp", "std::jthread t;\n", "jthread"),
    ("words", "actors/a.cpp", "self->spawn<caf::detached>(f);\n", "detached"),
    ("words", "model/a.cpp", "double d = std::stod(text);\n", "stod"),
    ("words", "storage/a.cpp", "std::istringstream in(text);\n", "istringstream"),
    ("words", "handlers/a.cpp", "auto d = json::parse(text);\n", "plain_numbers"),
    ("words", "docs/a.md", "TODO\n", "leftover"),
    ("words", "cmake/a.sh", "cd /wor" "k/here\n", "machine path"),
    ("promises", "docs/guarantees.md", "| it holds | `no_such_test` |\n", "no such test"),
    ("promises", "docs/guarantees.md", "| it holds | surely |\n", "without a test"),
    ("promises", "docs/threat-model.md", "| a thief | `no_such_test` |\n", "no such test"),
]
LEGAL = {
    "storage/rocks.hpp": "#include <rocksdb/db.h>\n",
    "storage/two_steps.hpp": '#include "storage/rocks.hpp"\n',
    "storage/store.hpp": '#include "model/state.hpp"\n',
    "model/state.hpp": "#include <string>  // not std::thread\n",
    "actors/legal.cpp": '#include "storage/store.hpp"\n#include <caf/actor.hpp>\n'
                        'auto s = "rand() in text"; auto n = std::thread::hardware_concurrency();\n',
    "examples/order_service/legal.cpp": '#include "world.hpp"\n',
    "examples/order_service/world.hpp": "#include <string>\n",
    "tests/legal_test.cpp": "BOOST_AUTO_TEST_CASE(it_holds) {}\n",
    "docs/guarantees.md": "| promise | test |\n|---|---|\n| `x` holds | `it_holds` |\n",
    "include/tenax/legal.hpp": "#pragma once\n#include <string>\nstd::string f();\n",
}


def check_selftest(_root, compiler):
    def findings(check, tree):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(text)
            return list(CHECKS[check](root, compiler))

    for check in ("headers", "includes", "words", "promises"):
        for finding in findings(check, LEGAL):
            yield f"selftest: {check} refuses legal code: {finding}"
    for check, path, text, wanted in PLANTED:
        if not any(path in f and wanted in f for f in findings(check, {**LEGAL, path: text})):
            yield f"selftest: {check} misses {text.strip()!r} in {path}"


CHECKS = {"headers": check_headers, "includes": check_includes, "words": check_words,
          "promises": check_promises, "selftest": check_selftest}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--root", default=os.path.join(os.path.dirname(__file__), "..", ".."))
    parser.add_argument("--compiler", default="c++")
    args = parser.parse_args()
    findings = list(CHECKS[args.check](os.path.abspath(args.root), args.compiler))
    for finding in findings:
        print(finding)
    print(f"{args.check}: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
