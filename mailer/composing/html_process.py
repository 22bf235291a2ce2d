"""Run as a process of its own: reads a document, writes it with its styles inlined, and its text part.

Nothing of this project is imported here, so that it starts fast.
"""

import json
import resource
import sys

SECONDS = 5  # of processor time
MEMORY = 1 << 30  # bytes of address space
LARGEST = 1_000_000  # characters of the result: larger mail is cut off by its readers or refused on the way


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import css_inline  # under the limits
    from inscriptis import get_text
    from inscriptis.model.config import ParserConfig

    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
    html = inliner.inline(json.load(sys.stdin))
    if len(html) > LARGEST:
        sys.exit(1)
    text = get_text(html, ParserConfig(display_links=True, display_images=True))
    json.dump([html, text], sys.stdout)


if __name__ == "__main__":
    main()
