"""What was measured, side by side: as a table, in Markdown, as a page and as images."""
