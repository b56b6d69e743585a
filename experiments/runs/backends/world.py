"""World: which processes train together, as the command that started each of them says.

Run as a command it says so. It imports next to nothing, as all of them run it.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

# what launched processes say, in lines that nothing else begins with
WORLD = "[poseproof] world"
EPOCH_BEGINS, EPOCH_ENDS = "[poseproof] epoch begins", "[poseproof] epoch ends"


@dataclass(frozen=True)
class World:
    """Processes that train one network together, each on a device of its own.

    Attributes:
        ranks: their number.
        nodes: machines that they share out evenly over.
        by: what has started them: "torchrun", "srun", or nothing.
    """

    ranks: int = 1
    nodes: int = 1
    by: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "World":
        """The world of a process that torchrun or srun has started; another is alone."""
        if "TORCHELASTIC_RUN_ID" in environment:
            ranks = int(environment["WORLD_SIZE"])
            return cls(ranks, ranks // int(environment["LOCAL_WORLD_SIZE"]), "torchrun")
        if "SLURM_PROCID" in environment:
            ranks = int(environment["SLURM_NTASKS"])
            return cls(ranks, int(environment["SLURM_NNODES"]), "srun")
        return cls()

    @property
    def devices(self) -> int:
        """Processes of each machine."""
        return self.ranks // self.nodes


def say(line: str) -> None:
    """Print a line in one piece, as others print into the same pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    own = World.of(os.environ)
    say(f"{WORLD} {own.ranks} {own.nodes}")
