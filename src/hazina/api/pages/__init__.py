"""Pages that are complete without a script: what they share. Jinja templates (always escaped), words in two
languages, one style sheet after the tokens of the web app, a browser's session, forms that only our own pages can
send.

A page is a function ``(Request) -> Response`` that calls ``Pages.show``. Its template extends ``base.html``; its words
are keys of ``words.json`` in both languages (a missing one is an error when the template runs, and a test compares
them).
"""

from hazina.api.pages.browser import Visitor, local_path
from hazina.api.pages.kernel import BadForm, Pages

__all__ = ["BadForm", "Pages", "Visitor", "local_path"]
