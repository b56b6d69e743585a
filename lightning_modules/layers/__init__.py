"""Plain networks that several papers share, usable without Lightning."""

# metres that a network's output of 1 stands for, where weights are drawn as He et al. propose and
# put out numbers of order 1: the deviation of a joint's coordinates, by which Martinez et al.
# standardise their poses
POSE_UNIT = 0.15
