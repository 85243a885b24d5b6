"""Reads a release as its consumers do and compares what they see with what the program says it wrote.

    python consume.py RELEASE [--only READER...]

Prints a line a check and `consumers: N passed, N failed`; exits with 1 where one failed.
"""

import argparse
import sys
from pathlib import Path

import card
import files
import pictures
import preferences
import readers
import relations
import samples
from checks import Checks
from release import Release

CONTENT = {
    "files": files.check,
    "card": card.check,
    "relations": relations.check,
    "samples": samples.check,
    "preferences": preferences.check,
    "pictures": pictures.check,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release", type=Path)
    parser.add_argument("--only", nargs="+", choices=[*CONTENT, *readers.ALL], help="only these parts")
    arguments = parser.parse_args()
    release, checks = Release(arguments.release), Checks("consumers")
    for name, part in (CONTENT | readers.ALL).items():
        if not arguments.only or name in arguments.only:
            checks.attempt(f"{name}: all was looked at", lambda: part(release, checks))
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
