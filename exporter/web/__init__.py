"""The HTTP side: endpoints, access control, connections, and the pages for people."""
