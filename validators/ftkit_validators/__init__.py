"""The rule families that ship with ftkit."""
