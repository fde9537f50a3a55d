"""Folk remedies: why each does not help, and what does."""

from __future__ import annotations

HABITS = {
    "pip-cache": """pip cache purge

Why it does not help
pip's cache holds downloaded wheels by their hash. A wheel in it cannot be an older version than its name says,
and an environment never reads the cache after the install. Purging it makes the next install slower.

What to do instead
Compare what is installed with what is locked: unstale check --only ENV. `unstale fix ENV001` installs the difference.
""",
    "npm-cache": """npm cache clean --force

Why it does not help
npm's cache is addressed by content and verified at every read (npm help cache). node_modules never reads it
after the install, and a bundle never does.

What to do instead
unstale check --only NPM,BLD compares node_modules with the lock and the build with its sources. Never delete
package-lock.json: the next install would choose other versions than those that were tested.
""",
    "pycache": """find . -name __pycache__ -exec rm -r {} +

Why it does not help
Python compares each .pyc with its source's time and size at import, so an old one is rebuilt by itself; a running
process never looks at them again. The one case that fools it: a source changed within the second to the same size.

What to do instead
unstale check --only PYC,PRC finds that one file (PYC001), and the process that still runs the old code (PRC001).
""",
    "prune": """docker system prune -a --volumes

Why it does not help
A container runs the image that it was made from until it is made again; removing unused images changes nothing
for it. The volumes it removes hold data, also those of other projects.

What to do instead
unstale check --only DKR compares each container with its image's tag and the image with its sources, and
`unstale fix` recreates just the service concerned, volumes kept.
""",
    "pkill": """pkill -f uvicorn

Why it does not help
It ends every process whose command mentions the word: other projects' servers, an editor with that file open.
A worker left by a killed parent has no such word in its command, and survives.

What to do instead
unstale ps names this project's processes; unstale check finds orphans (PRC004) and old code (PRC001).
""",
    "rm-db": """rm -f app.db

Why it does not help
A running server keeps the deleted file open and goes on writing into it; what it writes is lost when it ends.

What to do instead
unstale check --only DBF,SCH. If it was deleted already, restart nothing: `unstale fix DBF002` saves the content first.
""",
}
