"""The configuration of a run: frozen dataclasses that say what their fields can be, and nothing else.

Imports neither torch nor deepspeed, so that a mistake on the command line is answered at once. Each section belongs
to one component, which receives that section only. The docstring under a field is its help text on the command line.
"""
