"""Proves that a release's code compiles, imports and finds its configuration, before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Decided, Keep
from unstale.deploy import manifest
from unstale.deploy.content import Content, content
from unstale.deploy.home import Home
from unstale.deploy.judging import (
    broken_files,
    importable,
    served_by_django,
    unset_settings,
)
from unstale.errors import Failed, Unavailable, UnstaleError
from unstale.fact import Facts, Options
from unstale.facts.distributions import distributions
from unstale.facts.environ import environ_of, own_environ
from unstale.facts.guarded_import import imported
from unstale.facts.runtime import Runtime
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk

_SKIPPED = r"/(\.venv|venv|node_modules|\.git|site-packages)/"


@dataclass(frozen=True, slots=True)
class GateCode(Action):
    """Compile, and import the app by the release's Python behind the guard, with the environment that it will have.

    `process` is the (pid, ticks) whose environment that is, None for ours; `[deploy] env` comes on top. `cwd` is the
    server's, relative to the release. A release that does not pass is marked as failed and stays for a day.
    """

    risk: ClassVar[Risk] = Risk.SAFE
    layer: ClassVar[Layer] = Layer.BYTECODE

    home: str
    id: str
    root: str
    cwd: str
    app: str | None = None
    process: tuple[int, int] | None = None
    allow_import: bool = False

    def title(self) -> str:
        return f"prove that the code of release {self.id} imports"

    def preview(self) -> tuple[str, ...]:
        release = self._home.release(self.id)
        return (
            f"cd {release / self.cwd} && {release}/.venv/bin/python -c 'import {self._module}'",
        )

    def settled(self, facts: Facts) -> bool:
        return manifest.read(facts.host, self._home, self.id).status != manifest.BUILDING

    def apply(self, host: Host, keep: Keep) -> str:
        try:
            found = content(host, self._home.release(self.id), Path(self.root))
            said = self._compiled(host, found)
            self._of_the_release(host, found)
            self._imported(host, found)
        except (UnstaleError, OSError) as error:
            why = error.why if isinstance(error, UnstaleError) else str(error)
            manifest.fail(host, self._home, self.id, why)
            if isinstance(error, Unavailable):
                raise Failed(what=error.what, why=error.why, next=error.next) from None
            raise
        return said

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Count a gate that was cut off as not passed."""
        manifest.fail(facts.host, self._home, self.id, "its code gate was interrupted")
        return Decided(done=False, words="the release counts as failed")

    @property
    def _home(self) -> Home:
        return Home(Path(self.home))

    @property
    def _module(self) -> str:
        return (self.app or "app").partition(":")[0]

    def _compiled(self, host: Host, found: Content) -> str:
        """Compile once, importing nothing; generations run with -B. Return what is broken and imported by nobody."""
        place = str(found.backend.path)
        python = f"{self._home.environment(self.id)}/bin/python"
        words = ("-I", "-S", "-m", "compileall", "-q", "-j", "0", "-x", _SKIPPED, place)
        done = host.act((python, *words))
        broken = list(broken_files(done.out, place)) if done.code else []
        bad = [each for each in broken if importable(each[0])]
        if bad or (done.code and not broken):
            path, why = bad[0] if bad else ("the code", done.out.strip() or done.err.strip())
            raise Failed(
                what=f"release {self.id} does not compile",
                why=f"{path}: {why}",
                next=f"{python} -m py_compile {place}/{path}",
            )
        return "; ".join(f"{path} does not compile: {why}" for path, why in broken)

    def _of_the_release(self, host: Host, found: Content) -> None:
        """Refuse packages that come from the checkout: they would change under the running release."""
        release = self._home.release(self.id)
        libraries = f"{self._home.environment(self.id)}/lib"
        for name in host.names(libraries):
            for each in distributions(host, f"{libraries}/{name}/site-packages"):
                inside = each.local is not None and Path(each.local).is_relative_to(self.root)
                if each.local and inside and not Path(each.local).is_relative_to(release):
                    raise Failed(
                        what=f"release {self.id} does not stand by itself",
                        why=f"{each.name} is installed from {each.local}, which is the checkout",
                        next=f"Name it by a relative path in what {found.backend.path.name} installs.",
                    )

    def _imported(self, host: Host, found: Content) -> None:
        release = self._home.release(self.id)
        app = self.app or found.backend.app or ""
        python = f"{self._home.environment(self.id)}/bin/python"
        answer = imported(
            Facts(found.project, host, Options(allow_import=self.allow_import)),
            found.backend,
            Runtime(python, None, str(release / self.cwd)),
            app=app,
            want="entry settings",
            more=served_by_django(host, found.backend, app),
            environ=self._environ(host, found),
        )
        for each in answer["failed"]:
            where = f" ({each['file']}:{each['line']})" if each["file"] else ""
            raise Failed(
                what=f"release {self.id} does not import {app}",
                why=f"{each['error']}{where}",
                next=f"cd {release / self.cwd} && {python} -c 'import {each['module'] or app}'",
            )
        for name, missing in unset_settings(host, found, answer["settings"]):
            raise Failed(
                what=f"the configuration of release {self.id} is not complete",
                why=f"{name} needs {', '.join(missing)}",
                next=f"Set it in {found.backend.path.name}/.env or in [deploy] env.",
            )

    def _environ(self, host: Host, found: Content) -> dict[str, str]:
        """Return what the server will be started with; paths into the checkout lead into the release."""
        running = self.process and host.alive(Ident(*self.process))
        environ = (
            environ_of(host, self.process[0]) if self.process and running else own_environ(host)
        )
        said = found.project.settings.deploy.get("env", {})
        release = str(self._home.release(self.id))
        paths = environ.get("PYTHONPATH", "").split(":")
        moved = (_moved(each, self.root, release) for each in paths if each)
        more = {"PYTHONPATH": ":".join(moved)} if "PYTHONPATH" in environ else {}
        return {**environ, **more, **{str(key): str(value) for key, value in said.items()}}


def _moved(path: str, root: str, release: str) -> str:
    inside = Path(path).is_relative_to(root) and not Path(path).is_relative_to(release)
    return str(Path(release) / Path(path).relative_to(root)) if inside else path
