"""Read an array of numbers from an HDF5 file that is not trusted.

HDF5 itself fills what is not in the file with zeros, and what unpacks to too little with whatever
its memory held before. So it is only asked where the pieces of an array lie; they are unpacked
here, and each must be there and be whole.
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


def read_array(held: h5py.Dataset, size: int) -> Any:  # noqa: ANN401
    """Read it whole.

    Args:
        held: what it is called in the file.
        size: of the file, bytes.

    Raises:
        ValueError: it holds no plain numbers, more than the file can hold, lies outside of the
            file, or is packed in another way than MATLAB's; h5py raises others on a damaged file.
    """
    if held.dtype.kind not in "fiu" or held.id.get_type() != h5t.py_create(held.dtype):
        raise ValueError("it holds no plain numbers")
    properties = held.id.get_create_plist()
    layout, shape = properties.get_layout(), held.shape
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    whole = held.size * held.dtype.itemsize
    if layout == h5d.CHUNKED and filters in _FILTERS:
        lengths = held.chunks
        pieces = prod(-(-full // part) for full, part in zip(shape, lengths, strict=True))
        if max(whole, prod(lengths) * held.dtype.itemsize) > _SHRINKAGE * size or pieces > size:
            raise ValueError("it is larger than the file")
        return _joined(held, filters, size)
    if layout not in (h5d.CONTIGUOUS, h5d.COMPACT) or filters or held.external:
        raise ValueError("it is packed as MATLAB does not pack")
    if held.id.get_storage_size() != whole or whole > size:
        raise ValueError("it is not all in the file")
    return held[()]


def _joined(held: h5py.Dataset, filters: list[int], size: int) -> Any:  # noqa: ANN401
    array = np.empty(held.shape, held.dtype)
    length = prod(held.chunks) * held.dtype.itemsize
    starts = (range(0, full, part) for full, part in zip(held.shape, held.chunks, strict=True))
    for start in product(*starts):
        stored = held.id.get_chunk_info_by_coord(start).size
        if stored > size or (stored != length and not filters):
            raise ValueError("a piece is not whole")
        skipped, raw = held.id.read_direct_chunk(start)
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
            raw = np.frombuffer(raw, np.uint8).reshape(held.dtype.itemsize, -1).T.tobytes()
        piece = np.frombuffer(raw, held.dtype).reshape(held.chunks)
        place = tuple(slice(at, at + part) for at, part in zip(start, held.chunks, strict=True))
        array[place] = piece[tuple(slice(extent) for extent in array[place].shape)]
    return array
