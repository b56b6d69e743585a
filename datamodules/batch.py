"""What flows between data, model and metrics: batches, estimates, and what a model needs."""

from dataclasses import dataclass
from typing import TypedDict

from torch import Tensor


class Batch(TypedDict, total=False):
    """Everything that a batch may hold, by who puts it there.

    B is the number of frames, T that of frames a window, J that of joints, S the side of an image
    in pixels. 2D points are in [-1, 1] by image width, from the image's centre, y down, unless
    they are said to be in a crop. 3D joints are in metres, in the camera frame, relative to the
    root. A crop is (B, 3): x and y of its centre and its side, in the units of the 2D points. A
    protocol may add (B,) int64 columns of its own, by which errors are grouped.
    """

    # every protocol, gathered by `loading.windows.PoseWindows`
    keypoints: Tensor  # (B, T, J, 2) float32: the given 2D windows; their meaning never changes
    joints: Tensor  # (B, J, 3) float32: the true pose of the window's own frame
    index: Tensor  # (B,) int64: the frame's number in the data
    flipped: Tensor  # (B,) int64: 1 where all of the row is mirrored, left and right exchanged
    action: Tensor  # (B,) int64: the action's number
    sequence: Tensor  # (B,) int64: the sequence's number

    # for a method that takes images, made by `loading.pictures.ImageColumns`
    image: Tensor  # (B, 3, S, S) float32 in [0, 1], RGB: the crop around the person
    crop: Tensor  # (B, 3) float32: where the image was cut out
    visible: Tensor  # (B, J) float32: 1 where the true 2D place of a joint is known, or else 0
    reference: Tensor  # (B, 3, S, S) float32: another image of the same sequence, in training

    # RarePoseProtocol, MovementRangeProtocol and CrossDatasetProtocol: groups that errors go by
    rarity: Tensor  # (B,) int64: the tenth of the test poses that a frame is in, 0 the rarest
    movement: Tensor  # (B,) int64: the tenth of the test frames, 0 the one that moves least
    scene: Tensor  # (B,) int64: the test subject's scene, -1 of other subjects

    # GlobalShiftProtocol, in a test
    unshifted: Tensor  # (B, T, J, 2) float32: the windows before `keypoints` were shifted

    # UnpairedProtocol: in training 2D poses of the prior's people, and otherwise other frames
    prior_keypoints: Tensor  # (B, J, 2) float32: 2D poses of nobody who is trained on
    prior_crop: Tensor  # (B, 3) float32: crops around them, of data with images
    other_keypoints: Tensor  # (B, J, 2) float32: the 2D pose of another frame of the same split
    other_joints: Tensor  # (B, J, 3) float32: its true pose
    other_crop: Tensor  # (B, 3) float32: the crop around it, of data with images


class Estimates(TypedDict, total=False):
    """What a method makes of a batch in a validation, a test or a prediction.

    Axes, units and frames are those of `Batch`, unless a name ends in `_mm`: these poses are in
    float64 millimetres, as metrics take them.
    """

    # methods from images, by `estimate`
    estimated_keypoints: Tensor  # (B, 1, J, 2): 2D points found in the images
    heatmaps: Tensor  # (B, J, h, w): of ImageDPCN, one a joint
    skeleton_image: Tensor  # (B, 1, S, S) in [0, 1]: of SelfSup

    # every method that predicts poses, by its validation and test steps
    lifted_keypoints: Tensor  # (B, J, 2): the frames' own 2D points that were lifted
    predicted_mm: Tensor  # (B, J, 3)
    true_mm: Tensor  # (B, J, 3)
    unshifted_mm: Tensor  # (B, J, 3): predicted from the batch's `unshifted` windows


@dataclass(frozen=True)
class DataNeeds:
    """What a model needs of the data.

    Attributes:
        receptive_field: T, frames a window.
        causal: whether windows end at their frame instead of being centred on it.
        skeleton: name of the joint layout that the model lifts.
        image_size: pixels a side of the images that it takes; 0 where it takes none.
        trains_on_images: whether it takes images in training too, and not in tests alone.
        trains_on_references: whether each training image comes with another of its sequence.
        trains_on_joints: whether it learns from 3D truth; 2D is enough otherwise.
    """

    receptive_field: int = 1
    causal: bool = False
    skeleton: str = "h36m17"
    image_size: int = 0
    trains_on_images: bool = False
    trains_on_references: bool = False
    trains_on_joints: bool = True
