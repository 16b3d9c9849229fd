"""``make site``: the pages and manuals of the project as a web site, in build/site.

Sphinx makes it, with the theme Furo; a warning is an error. Nothing in it is fetched from anywhere, so it
can be read from the disk as well.

World: files of the checkout, Sphinx and mandoc.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import knockd
from knockd_packages.site_pages import ROOT, lay_out

TARGET = ROOT / "build" / "site"
STYLE = Path(__file__).with_name("site.css")

SETTINGS = {
    "project": "knockd",
    "release": knockd.__version__,
    "language": "en",
    "extensions": "myst_parser",
    "myst_heading_anchors": "4",
    "highlight_language": "text",
    "smartquotes": "0",  # two hyphens are two hyphens
    "html_theme": "furo",
    "html_title": f"knockd {knockd.__version__}",
    "html_static_path": "_static",
    "html_css_files": STYLE.name,
    "html_copy_source": "0",
    "html_show_copyright": "0",
    "html_show_sphinx": "0",
    "html_use_index": "0",
    "html_domain_indices": "0",
}


def build_site(target: Path = TARGET) -> None:
    """Writes the site. Raises CalledProcessError where there is a warning, which Sphinx has printed."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "pages"
        lay_out(source)
        (source / "_static").mkdir()
        (source / "_static" / STYLE.name).write_text(STYLE.read_text())
        settings = [word for name, value in SETTINGS.items() for word in ("-D", f"{name}={value}")]
        builder = [sys.executable, "-m", "sphinx", "-C", "-q", "-W", "--keep-going", "-n", "-E"]
        doctrees = str(Path(folder) / "doctrees")
        subprocess.run([*builder, *settings, "-d", doctrees, str(source), str(target)], check=True)


def main() -> int:
    """Builds the web site in build/site and says where it is; 1 where it cannot be built."""
    argparse.ArgumentParser(prog="python -m knockd_packages.site", description=main.__doc__).parse_args()
    try:
        build_site()
    except subprocess.CalledProcessError as error:
        print(f"make site: {error.cmd[0]} failed with status {error.returncode}", file=sys.stderr)
        return 1
    print(f"{TARGET.relative_to(ROOT)}/index.html")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
