"""What is claimed, and how it is run.

Beside the commands and what their YAML says stand here the modules that a config or the identity of
a run holds by name. The rooms: `command`, `results`, `report`, `scale`, `agents`.
"""
