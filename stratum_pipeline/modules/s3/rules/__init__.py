"""What must hold of S3: who reaches what, and how it is kept."""

from .access_points import ACCESS_POINTS
from .keeping import KEEPING
from .reach import REACH

RULES = (*REACH, *KEEPING, *ACCESS_POINTS)
