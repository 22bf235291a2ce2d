"""Names of HTML elements, grouped by what the rest needs to know about them."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VOID = _names(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
)
TABLE_PARTS = _names("caption colgroup tbody tfoot thead")
CLOSES_P = _names(
    "address article aside blockquote center details dir div dl dd dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr li main menu nav ol p pre section table ul"
)
BUTTON_SCOPE = _names("button caption html object table td th")
UNREAD = _names(
    "head title style script template object video audio canvas svg iframe map datalist textarea xmp "
    "noembed noframes"
)
PARAGRAPHS = _names("p h1 h2 h3 h4 h5 h6 ul ol dl menu blockquote pre table hr figure center")
LINES = _names(
    "address article aside body caption dd details dialog div dt fieldset figcaption footer form "
    "header legend li main nav option optgroup section select summary tbody td tfoot th thead tr"
)
RAW_TEXT = _names("iframe noembed noframes plaintext script style textarea title xmp")
NO_STYLE = _names("base head link meta script style title")
LAYOUT = _names("table div p ul ol h1 h2 h3 h4 h5 h6 img hr blockquote")
ENDS_BY_ITSELF = _names(
    "area base basefont body br col colgroup dd dt embed frame head hr html img input keygen li link "
    "meta option p param source tbody td tfoot th thead tr track wbr"
)
