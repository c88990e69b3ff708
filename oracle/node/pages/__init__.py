"""The node's pages for people: server-rendered HTML in English and Chinese, that work without a script.

`surroundings` holds what every page needs (templates, language, security headers), `sight` who may see what; a page is
a module with its routes. Every text from outside is escaped by the templates.
"""
