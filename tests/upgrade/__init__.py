"""An upgrade of this package under running launches: the older package, and a stack of either.

``older.tar.xz`` in ``tests/fixtures/upgrade`` holds what a deployment ran before; ``pack.py`` made it.
"""
