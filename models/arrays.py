"""Arrays of numpy by what they hold."""

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating]
"""Floats of any precision."""

Int64 = NDArray[np.int64]
Ints = NDArray[np.integer]
"""Integers of any size."""

Mask = NDArray[np.bool_]

Rows = NDArray[np.intp]
"""Numbers of rows, to index by."""
