"""The errors that are xgrad's own.  Everything else is a plain TypeError or ValueError."""


class CoordinateError(ValueError):
    """A coordinate, a spacing or a name of one cannot serve as positions along a dimension."""


class ChunkError(ValueError):
    """The chunks of an array do not allow the operation."""
