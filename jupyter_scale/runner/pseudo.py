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


def former(name: str) -> str:
    """Return the name of what a name was bound to before the cell bound or deleted it."""
    return f"<former {name}>"


def is_pseudo(name: str) -> bool:
    """Tell whether a name is none of the notebook's."""
    return name.startswith("<")
