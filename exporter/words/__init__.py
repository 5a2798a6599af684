"""Words for people in English and Chinese, side by side: label values, and the texts of the pages."""
