"""ftkit.gateway"""
