"""The OAuth2 and OpenID Connect provider: registered apps, grants, tokens, signing keys.

Other programs log people in here, and drive the bank for them within what they agreed to.
"""
