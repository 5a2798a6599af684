"""A runner of the documentation's commands, ``python -m tests.support.shown COMMAND …``; one that would never end is ended when it is ready.

That is ``yunfu-exporter serve`` and ``demo``, which listen on free ports here, and ``make`` of the demo, which comes to the same.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

from tests.support.programs import answers, eventually, free_port
from tests.support.tools import ROOT

ENDLESS = {"serve": ("--listen",), "demo": ("--listen", "--simulator-listen", "--stack-port")}


def main(program: str, *words: str) -> int:
    """Run the command and return its exit status."""
    if program == "make":
        planned = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True, text=True)
        found = re.search(r"^exec \S+/yunfu-exporter (.+)$", planned.stdout, re.MULTILINE)
        assert found, f"make {shlex.join(words)} does not run the exporter:\n{planned.stdout}"
        words = tuple(shlex.split(found[1]))
    command = words[0] if words and not words[0].startswith("-") else "serve"
    line = [sys.executable, "-m", "exporter", *words]
    if command not in ENDLESS:
        return subprocess.run(line, check=False).returncode
    ports = [free_port() for _ in ENDLESS[command]]
    for option, port in zip(ENDLESS[command], ports, strict=True):
        line += [option, str(port) if option.endswith("port") else f"127.0.0.1:{port}"]
    with subprocess.Popen(line) as process:
        try:
            eventually(answers(f"http://127.0.0.1:{ports[0]}/readyz"))
        finally:
            process.terminate()
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
