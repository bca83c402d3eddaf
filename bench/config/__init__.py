"""The options of a run: their types, rules and roles, how they are composed, and where plugins are found."""
