"""From a template to somebody's own: a new application inside the repository, or a project of its own outside.

`python -m scaffold new-app` and `python -m scaffold eject`. Reads `apps/`, `common/` and `tests/` as files, by their syntax
trees, and imports nothing of an application; nobody imports this package.
"""
