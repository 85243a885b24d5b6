"""Counts what holds and what does not, one printed line each."""

import time


class Checks:
    """The outcome of a row of checks."""

    def __init__(self, label: str, quiet: bool = False):
        self.label = label
        self.quiet = quiet
        self.passed = 0
        self.failed: list[str] = []

    def that(self, name: str, holds: bool, detail: str = "", note: str = "") -> None:
        """One check; `detail` is shown where it fails, `note` where it holds."""
        if holds:
            self.passed += 1
        else:
            self.failed.append(name)
        if not self.quiet:
            print(f"ok    {name}{note}" if holds else f"FAIL  {name}: {detail}", flush=True)

    def equal(self, name: str, found, wanted) -> None:
        """Two values are the same."""
        self.that(name, found == wanted, f"found {shortened(found)}, wanted {shortened(wanted)}")

    def none(self, name: str, faults, seen: int) -> None:
        """No fault was found among `seen` things; having seen none at all is a fault too."""
        faults = list(faults)
        detail = f"{len(faults)} faults, such as {shortened(faults[:3])}" if faults else "nothing to look at"
        self.that(name, not faults and seen > 0, detail)

    def attempt(self, name: str, action):
        """Runs what may raise, and tells how long it took; its result, or `None` where it did."""
        begin = time.perf_counter()
        try:
            result = action()
        except Exception as error:  # whatever a library raises is a failed check
            self.that(name, False, f"{type(error).__name__}: {error}")
            return None
        self.that(name, True, note=f" ({time.perf_counter() - begin:.1f} s)")
        return result

    def close(self) -> int:
        """What failed once more, where the end of a long log is all that is looked at; the closing line; the exit code."""
        for name in self.failed:
            print(f"failed: {name}", flush=True)
        print(f"{self.label}: {self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def shortened(value) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:297] + "..."
