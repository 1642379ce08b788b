#!/usr/bin/env python3
"""Sends what `schemathesis` makes of the API's own document to a running Clipmill: no answer may be a fault, or one that the
document does not know. What is sent follows from a fixed seed.

    python api_fuzz.py CASES URL KEY
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).parent
SEED = "20"
# The document cannot say which model takes which length and size, so a wish that follows it may be refused.
UNCHECKED = "positive_data_acceptance"


def operations(url):
    """How many operations the document has."""
    document = json.load(urllib.request.urlopen(f"{url}/openapi.json"))
    return sum(len(item) for item in document["paths"].values())


def main(cases, url, key):
    st, config = pathlib.Path(sys.executable).parent / "st", HERE / "schemathesis.toml"
    scheme = [str(st), "--config-file", str(config), "run", f"{url}/openapi.json"]
    each = math.ceil(int(cases) / operations(url))
    options = {
        "--header": f"Authorization: Bearer {key}",
        "--exclude-checks": UNCHECKED,
        "--max-examples": str(each),
        "--seed": SEED,
        "--generation-database": "none",
        "--request-timeout": "30",
    }
    command = [*scheme, *(word for option in options.items() for word in option), "--no-color", "--continue-on-failure"]
    hooks = {"SCHEMATHESIS_HOOKS": "api_fuzz_hooks", "PYTHONPATH": str(HERE), "CLIPMILL_URL": url, "CLIPMILL_KEY": key}
    folder = HERE.parents[1] / "target/clients"
    done = subprocess.run(command, env={**os.environ, **hooks}, cwd=folder, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    made = re.search(r"([\d,]+) generated", done.stdout)
    made = int(made[1].replace(",", "")) if made else 0
    if done.returncode == 0 and made < int(cases):
        sys.exit(f"only {made} cases were made")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
