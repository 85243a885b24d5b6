"""Runs the Python blocks of a page of the documentation, one after the other, over a release.

    python recipes.py RELEASE PAGE
"""

import re
import sys
import traceback
from pathlib import Path


def main(release: Path, page: Path) -> int:
    names = {"release": release, "job": release.parent}
    text = page.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    if not blocks:
        print(f"{page} holds no recipes")
        return 1
    for block in blocks:
        # Line breaks in front, so that errors name the line of the page.
        line = text[: block.start(1)].count("\n")
        try:
            exec(compile("\n" * line + block.group(1), str(page), "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"the recipe at line {line} of {page} fails")
            return 1
    print(f"{len(blocks)} recipes of {page.name} run")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
