"""Help, and what is wrong with a command line, come without the packages that the work itself needs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).resolve().parents[3]

SLOW = ("torch", "numpy", "PIL", "cv2", "asyncio", "sqlite3", "scipy", "jinja2", "yaml", "filelock", "tarfile")

ANSWERED = """
train --help
train --data.path nowhere
train --resume nowhere
launch --data.path nowhere
plan --help
sweep --help
sweep --train.total-kimg -1
sweep --resume nowhere
table nosuch
evaluate --help
evaluate nowhere
evaluate --nosuch
translate --help
translate nowhere --in pictures --out new
translate --nosuch
sample --help
sample nowhere --out new
demo nowhere
export nowhere --format onnx --out new
compare --help
compare nowhere elsewhere
checkpoint --help
checkpoint ls nowhere
fcn --help
fcn train nowhere --out new
fcn show nowhere
fcn show file.txt
shard --help
shard nosuch
shard verify --help
shard verify nowhere
shard seal nowhere
fetch nosuch
study --help
study nosuch
study report --help
doctor nowhere
status nowhere
stop nowhere
verify nowhere
presets --help
import-hub nowhere --out new
import-incumbent nowhere --out new
import-incumbent file.txt --out new
"""

OF_A_RUN = """
evaluate tiny --split nowhere
evaluate tiny --checkpoint nowhere
translate tiny --in nowhere --out new
train --resume tiny --optimizer.lrr 1
"""

PROGRAM = """
import contextlib, io, sys
from launch.cli import main
slow, commands = sys.argv[1].split(), sys.argv[2].strip().splitlines()
for words in commands:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(words.split())
        except SystemExit as error:
            status = error.code
    loaded = {*slow} & {*sys.modules}
    is_right = status == 0 if "--help" in words else status in (1, 2)
    if loaded or not is_right or "Traceback" in said.getvalue():
        sys.exit(f"{words}: {status}, {sorted(loaded)}, {said.getvalue()}")
print(len(commands))
"""


def answer(commands: str, *, slow: tuple[str, ...], folder: Path) -> None:
    """Give all commands to one process in a folder, and require that it has loaded nothing slow after any of them."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, " ".join(slow), commands],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(len(commands.strip().splitlines())), done.stderr


def test_help_and_mistakes_wait_for_no_package_that_they_do_not_need(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("no network")
    answer(ANSWERED, slow=(*SLOW, "pydantic", "pydantic_core"), folder=tmp_path)


def test_mistakes_about_a_run_wait_for_no_pictures(tmp_path: Path) -> None:
    write_map_dataset(tmp_path / "shards")
    write_tiny_run(RunDir(tmp_path / "tiny"), tiny_config(tmp_path / "shards"))
    answer(OF_A_RUN, slow=tuple(name for name in SLOW if name not in ("sqlite3", "asyncio")), folder=tmp_path)
