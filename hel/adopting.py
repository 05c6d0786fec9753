"""What a crash left in the output file, counted at the start before anything is asked for; and to whom it belongs."""

from functools import partial

from hel import assembly
from hel.config.load import Loaded
from hel.sinks.adoption import Identify, adopt, unclaimed
from hel.sinks.file import FileSink
from hel.state.store import Store
from hel.telemetry.log import Log


def adopt_output(loaded: Loaded, sink: FileSink, store: Store, log: Log) -> None:
    """Count what stands behind what was committed, and say so.

    Args:
        loaded: The configuration that counts.
        sink: The output, just opened.
        store: The state.
        log: The program's log.
    """
    sources = loaded.config.sources
    known: dict[tuple[str, str], tuple[str, Identify]] = {}
    for label, name in labels_of(loaded).items():
        known[label] = (name, partial(assembly.identify, assembly.line_maker(sources[name])))
    adopted = adopt(sink, store.position(sink.path), known)
    if adopted:
        log.warning(
            "output.adopted",
            events=sum(batch.count for batch in adopted),
            fix="nothing to do: whole lines stood behind what was committed, as a crash leaves them; they stay, "
            "and are not written again",
        )
    if waiting := [batch.source for batch in adopted if batch.source not in sources]:
        log.warning(
            "output.unclaimed",
            labels=waiting,
            fix="lines of sources that do not run now; each leaves them out when it runs again under its old label",
        )
    keeps = {name: assembly.keep(source) for name, source in sources.items()}
    store.commit(adopted, positions=[sink.flush()], keeps=keeps)


def claim(loaded: Loaded, store: Store) -> None:
    """Let each source know the lines that stood under its label when no source had it."""
    store.claim({unclaimed(label): name for label, name in labels_of(loaded).items()})


def labels_of(loaded: Loaded) -> dict[tuple[str, str], str]:
    """The source by its label: key and value."""
    sources = loaded.config.sources.items()
    return {(source.source_label_key, source.source_label_value): name for name, source in sources}
