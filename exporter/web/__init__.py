"""The HTTP side: who asks, what is answered, and the pages."""
