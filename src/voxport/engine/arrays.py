"""The one array type of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""A numpy array of floats (float32 unless a docstring says otherwise) of any shape."""
