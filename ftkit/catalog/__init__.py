"""ftkit.catalog"""
