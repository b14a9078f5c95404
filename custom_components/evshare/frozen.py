"""A frozen value with some fields changed, as `dataclasses.replace` makes it, at a tenth of the time.

A stall is made anew a dozen times for each reading, and `dataclasses.replace` looks at every field of it each time.
Only for dataclasses with no `__post_init__` and no slots, as those of ``model.py``, ``metering`` and ``charging`` are.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(value: Any, /, **changes: Any) -> Any:
        """Return `value` with other values for some of its fields. Raises TypeError for a field it does not have."""
        fields = value.__dict__
        if not changes.keys() <= fields.keys():
            raise TypeError(f"{type(value).__name__}: got {', '.join(changes)}; accepted: {', '.join(fields)}")
        changed = object.__new__(type(value))
        changed.__dict__.update(fields, **changes)
        return changed


__all__ = ["replace"]
