"""ftkit.benchmark"""
