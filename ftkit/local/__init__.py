"""ftkit.local"""
