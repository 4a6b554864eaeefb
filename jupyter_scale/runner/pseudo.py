"""Names under which a parcel carries what has no name in the notebook.

They are no identifiers, so no cell can bind or read them.
"""

from __future__ import annotations

#: The value of the last expression.
VALUE = "<value>"
#: The exception that ended the cell.
EXCEPTION = "<exception>"
#: A value that stayed on the cluster and is fetched.
FETCHED = "<fetched>"
