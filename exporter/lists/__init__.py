"""The platform's task lists: read page by page, watched between whole readings, and joined per account."""
