"""ftkit.lifecycle"""
