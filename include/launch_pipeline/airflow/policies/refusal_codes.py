"""Codes of refusals that a policy gives and the guard knows.

They are apart from the policies because every component of Airflow loads the guard with the plugin.
"""

from __future__ import annotations

NO_LONGER_TRUE = "no_longer_true"
"""An earlier phase does not stand, so Go is no answer."""
NOT_LOOKED = "not_looked_again"
"""The checks of the earlier phases were not looked at again since the decisions were opened."""
