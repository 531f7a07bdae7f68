"""ftkit.splitting"""
