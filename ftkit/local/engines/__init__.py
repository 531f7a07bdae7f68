"""Training engines: the protocol, the registry that finds them, and the built-in ``linear`` one."""
