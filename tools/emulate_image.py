"""Lists what a bootable image of this working tree holds, as xorriso graft points (`path=source`).

    python tools/emulate_image.py KERNEL_DIRECTORY INITRD_FOLDER > list

The image holds, each file under the path it has here: the interpreter that runs this script, the
packages that the tests need, the shared libraries of both, and the working tree with its native build.
INITRD_FOLDER receives the first programs to run: busybox, the kernel modules that reach the image, and
`emulate_init.sh`. tools/emulate.sh is the user.
"""

from __future__ import annotations

import importlib.metadata
import lzma
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "pytest", "pytest-xdist", "hypothesis")
MODULES = ("ata_piix", "sr_mod", "isofs", "overlay")
STANDARD_LIBRARY_LEFT_OUT = {"test", "idlelib", "ensurepip", "tkinter", "site-packages", "lib2to3"}


def interpreter() -> Iterator[Path]:
    """The interpreter with every link that leads to it, and the standard library."""
    link = Path(sys.executable)
    yield link
    while link.is_symlink():
        link = link.parent / link.readlink()
        yield link
    yield from (path for path in [Path(sys.prefix, "pyvenv.cfg")] if path.exists())
    library = Path(sysconfig.get_path("stdlib"))
    for entry in library.iterdir():
        if entry.name not in STANDARD_LIBRARY_LEFT_OUT and not entry.name.startswith("config-"):
            yield from files_of(entry)


def files_of(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())


def distributions(names: Iterable[str]) -> dict[str, importlib.metadata.Distribution]:
    """The named distributions and all that they require here."""
    found: dict[str, importlib.metadata.Distribution] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in PACKAGES:
                raise SystemExit(f"{sys.executable} has no {name}") from None
            continue  # required on other platforms or Python versions only
        if distribution.name in found:
            continue
        found[distribution.name] = distribution
        for requirement in distribution.requires or []:
            if "extra ==" not in requirement:
                wanted.append(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
    return found


def packages() -> Iterator[Path]:
    for distribution in distributions(PACKAGES).values():
        for file in distribution.files or []:
            path = Path(os.path.normpath(distribution.locate_file(file)))
            if path.is_file() and "tests" not in path.parts:
                yield path


def working_tree() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    yield from (ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file())
    yield from (ROOT / "src").rglob("*.so*")
    for folder in ("src", "tests"):  # compiling them anew takes minutes there
        yield from (ROOT / folder).rglob("*.pyc")


def shared_libraries(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Where the loader looks for each library that `paths` need, and the file that it finds."""
    binaries = [str(path) for path in paths if ".so" in path.name or path.name.startswith("python")]
    listed = subprocess.run(["ldd", *binaries], check=False, capture_output=True, text=True).stdout
    for match in sorted(set(re.findall(r"(/\S+) \(0x", listed))):
        yield match, Path(match).resolve()


def kernel_modules(kernel: Path) -> list[Path]:
    """The modules that MODULES name and those they depend on, in the order of loading."""
    there = {
        path.name.split(".")[0].replace("-", "_"): path
        for path in (kernel / "lib/modules").glob("*/kernel/**/*.ko*")
    }
    ordered: list[Path] = []

    def add(name: str) -> None:
        path = there.get(name.replace("-", "_"))
        if path is None or path in ordered:
            return  # what is not a module is built in
        depends = re.search(rb"\0depends=([^\0]*)\0", module_bytes(path))
        for other in depends.group(1).decode().split(",") if depends else []:
            add(other)
        ordered.append(path)

    for name in MODULES:
        add(name)
    return ordered


def module_bytes(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def main(kernel: Path, initrd: Path) -> None:
    for number, module in enumerate(kernel_modules(kernel)):
        (initrd / f"{number:02}.ko").write_bytes(module_bytes(module))
    busybox = shutil.which("busybox")
    if busybox is None:
        raise SystemExit("no busybox on PATH: install busybox-static")
    shutil.copy(busybox, initrd / "busybox")
    shutil.copy(ROOT / "tools/emulate_init.sh", initrd / "init")
    (initrd / "init").chmod(0o755)
    points: dict[str, Path] = {"/bin/busybox": Path(busybox), "/bin/sh": Path(busybox)}
    for path in [*interpreter(), *packages(), *working_tree()]:
        points[str(path)] = path
    points |= dict(shared_libraries(points.values()))
    for target, source in points.items():
        print(f"{escaped(target)}={escaped(str(source))}")


def escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace("=", "\\=")


main(Path(sys.argv[1]), Path(sys.argv[2]))
