"""Read an array of numbers from an HDF5 file that is not trusted.

HDF5 fills missing bytes of an array with zeros, and bytes that do not unpack with whatever its
memory contains. So HDF5 is only asked where the chunks of an array are. They are unpacked here,
and each one must be present and complete.
"""

import zlib
from itertools import product
from math import prod
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5t, h5z

# numbers do not shrink to a hundredth when they are packed
_SHRINKAGE = 100
# what MATLAB packs with
_FILTERS: tuple[list[int], ...]
_FILTERS = ([], [h5z.FILTER_DEFLATE], [h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE])


def read_array(dataset: h5py.Dataset, size: int) -> Any:  # noqa: ANN401
    """Read a whole dataset.

    Args:
        dataset: dataset of numbers in an open file.
        size: size of the file in bytes.

    Raises:
        ValueError: the dataset is not of plain numbers, is larger than the file can contain, lies
            outside the file, or is packed in another way than MATLAB's. On a damaged file h5py
            raises further errors.
    """
    if dataset.dtype.kind not in "fiu" or dataset.id.get_type() != h5t.py_create(dataset.dtype):
        raise ValueError("it holds no plain numbers")
    properties = dataset.id.get_create_plist()
    layout, shape = properties.get_layout(), dataset.shape
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    whole = dataset.size * dataset.dtype.itemsize
    if layout == h5d.CHUNKED and filters in _FILTERS:
        lengths = dataset.chunks
        pieces = prod(-(-full // step) for full, step in zip(shape, lengths, strict=True))
        if max(whole, prod(lengths) * dataset.dtype.itemsize) > _SHRINKAGE * size or pieces > size:
            raise ValueError("it is larger than the file")
        return _joined(dataset, filters, size)
    if layout not in (h5d.CONTIGUOUS, h5d.COMPACT) or filters or dataset.external:
        raise ValueError("it is packed as MATLAB does not pack")
    if dataset.id.get_storage_size() != whole or whole > size:
        raise ValueError("it is not all in the file")
    return dataset[()]


def _joined(dataset: h5py.Dataset, filters: list[int], size: int) -> Any:  # noqa: ANN401
    array = np.empty(dataset.shape, dataset.dtype)
    length = prod(dataset.chunks) * dataset.dtype.itemsize
    starts = (
        range(0, full, step) for full, step in zip(dataset.shape, dataset.chunks, strict=True)
    )
    for start in product(*starts):
        stored = dataset.id.get_chunk_info_by_coord(start).size
        if stored > size or (stored != length and not filters):
            raise ValueError("a piece is not whole")
        skipped, raw = dataset.id.read_direct_chunk(start)
        raw = raw[:stored]
        if filters:
            unpacking = zlib.decompressobj()
            raw = unpacking.decompress(raw, length)
            # the checksum at the end is read when nothing is left
            raw += unpacking.decompress(unpacking.unconsumed_tail, 1)
            skipped = skipped or not unpacking.eof
        if skipped or len(raw) != length:
            raise ValueError("a piece is not whole")
        if h5z.FILTER_SHUFFLE in filters:
            raw = np.frombuffer(raw, np.uint8).reshape(dataset.dtype.itemsize, -1).T.tobytes()
        piece = np.frombuffer(raw, dataset.dtype).reshape(dataset.chunks)
        place = tuple(slice(at, at + step) for at, step in zip(start, dataset.chunks, strict=True))
        array[place] = piece[tuple(slice(extent) for extent in array[place].shape)]
    return array
