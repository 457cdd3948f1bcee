"""Reports: results to figures, tables and one self-contained HTML page."""

from neyman.report.page import Check, Headline, Page, Section, Table, render, save_page

__all__ = ["Check", "Headline", "Page", "Section", "Table", "render", "save_page"]
