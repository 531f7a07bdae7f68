"""ftkit.cli"""
