"""The pages for people: an overview at ``/``, and one page per task. They read the store and make no API call.

``overview`` and ``detail`` put the pages together, as values; ``site`` serves them; all texts are in ``exporter.words``.
"""

from exporter.web.pages.site import add_pages

__all__ = ["add_pages"]
