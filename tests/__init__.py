"""The tests. A package of its own, because some package from pip installs another one of this name."""
