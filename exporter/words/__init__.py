"""Words for people in English and Chinese, side by side: texts of the pages, titles and help of metrics, label values."""
