"""ftkit.tokens"""
