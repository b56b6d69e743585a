"""Launch a run's training through torchrun, srun or the like, in processes of its own."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired

import torch

from experiments.runs.backends.world import EPOCH_BEGINS, EPOCH_ENDS, WORLD, World
from experiments.runs.environment import note
from experiments.runs.files import write_json
from experiments.runs.run import Run
from poseproof.errors import UserError

_LOG = "launch.log"
# of a task, which `srun --label` puts before its lines
_LABEL = re.compile(r"^ *\d+: ")


def stand_alone() -> dict[str, str]:
    """Have Lightning take this process for what it is: one, and no task of a batch job.

    In a SLURM job the script itself, too, has the variables of the job's tasks.

    Returns:
        The environment as it was, to launch tasks in.
    """
    environment = dict(os.environ)
    if "SLURM_NTASKS" in environment:
        # the name by which Lightning knows
        os.environ["SLURM_JOB_NAME"] = "interactive"
    return environment


class Launcher:
    """Trains runs through a command that starts the ranks; the caller stays one process.

    Args:
        command: what stands in front of a training, such as
            `torchrun --standalone --nproc-per-node 2 --no-python` or `srun`.
        environment: to start it in.
        folder: for its log.

    Attributes:
        world: the processes that it starts.

    Raises:
        UserError: it fails, or starts other processes than such as know of each other.
    """

    def __init__(self, command: str, environment: Mapping[str, str], folder: Path) -> None:
        try:
            self.command = shlex.split(command)
        except ValueError as error:
            raise UserError(f"{command} is no command: {error}.") from error
        torchrun = any(Path(word).name == "torchrun" for word in self.command)
        if torchrun and not {"--no-python", "--no_python"} & {*self.command}:
            raise UserError(f"{command} takes scripts alone: add --no-python.")
        # torchrun lies beside the interpreter, whether its environment is activated or not
        path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        self.environment = {**environment, "PATH": path}
        lines: list[str] = []
        self._launch(["-m", "experiments.runs.backends.world"], folder / _LOG, lines.append)
        worlds = [line.split(WORLD)[1].split() for line in lines if WORLD in line]
        ranks, nodes = map(int, worlds[0]) if worlds else (0, 1)
        self.world = World(ranks, nodes)
        if not len(worlds) == self.world.ranks == self.world.devices * self.world.nodes > 0:
            raise UserError(
                f"{command} starts {len(worlds)} processes that show themselves, and they do not "
                "make one world with as many on every node: take torchrun or srun, and send their "
                f"output nowhere else; see {folder / _LOG}."
            )

    def fit(self, run: Run, begin: Callable[[], None], end: Callable[[], None], lock: int) -> None:
        """Train what is not trained of a run; its checkpoint is in its folder then.

        Args:
            run: what to train.
            begin: called when an epoch of training begins.
            end: called when it has ended.
            lock: file descriptor of the lock on the run's folder. The command holds it too, so that
                nobody else is in there until it has ended, should this process end before.

        Raises:
            UserError: the command fails.
        """
        trained = run.folder / "trained.json"
        if trained.exists():
            return
        task = run.folder / "task.json"
        note(run.folder, run.fit.work, run.fit.environment)
        config = run.composition.values()
        write_json(task, {"config": config, "threads": torch.get_num_threads()})

        def on_line(line: str) -> None:
            if line.startswith(EPOCH_BEGINS):
                begin()
            elif line.startswith(EPOCH_ENDS):
                end()

        args = ["-m", "experiments.runs.backends.launched", str(task)]
        self._launch(args, run.folder / _LOG, on_line, lock)
        write_json(trained, asdict(self.world))

    def _launch(
        self, args: list[str], log: Path, on_line: Callable[[str], None], *locks: int
    ) -> None:
        """Run Python through the command; what that prints goes to the log."""
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            process = Popen(
                [*self.command, sys.executable, *args],
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                text=True,
                errors="replace",
                env=self.environment,
                pass_fds=locks,
                # Ctrl-C is for this process, which ends the other
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(f"{self.command[0]} does not start: {error.strerror}.") from error
        assert process.stdout is not None
        mistake = "."
        try:
            with log.open("w", buffering=1) as written:
                for line in process.stdout:
                    written.write(line)
                    text = _LABEL.sub("", line)
                    on_line(text)
                    if text.startswith("error: "):
                        mistake = f": {text.removeprefix('error: ').strip()}"
                process.wait()
        finally:
            _end(process)
        if process.returncode:
            raise UserError(
                f"{shlex.join(self.command)} ended with exit code {process.returncode}, "
                f"see {log}{mistake}"
            )


def _end(process: Popen[str]) -> None:
    """End a launched command, where it has not ended."""
    assert process.stdout is not None
    # ranks end where nobody hears them; torchrun gives those that do not half a minute
    for stop, seconds in (process.stdout.close, 5), (process.terminate, 45), (process.kill, None):
        stop()
        with suppress(TimeoutExpired):
            process.wait(seconds)
            return
