"""The recipes that ship with ftkit."""
