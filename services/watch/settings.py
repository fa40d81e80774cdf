"""What an operator may change of `watch`."""

from typing import Annotated, ClassVar

from msgspec import Meta

from services.runtime.settings import Settings
from services.watch.core import Rules


class WatchSettings(Settings, frozen=True, kw_only=True):
    """What counts as a surge, and how the topic is read.

    One category in one area (H3 resolution 6, about 36 square kilometres) is compared with its own recent past.
    """

    prefix: ClassVar[str] = "WATCH"
    window_s: Annotated[int, Meta(ge=10, le=86_400, description="Reports are counted in windows of this length.")] = 900
    baseline_windows: Annotated[
        int, Meta(ge=1, le=10_000, description="The usual is the mean of this many windows before.")
    ] = 96
    floor: Annotated[
        float, Meta(gt=0, description="The usual is never taken for less than this many reports a window.")
    ] = 1.0
    min_count: Annotated[int, Meta(ge=1, description="Fewer reports in a window are never a surge.")] = 8
    ratio: Annotated[float, Meta(ge=1.0, description="A surge is at least this many times the usual.")] = 4.0
    calm_windows: Annotated[
        int, Meta(ge=0, description="A surge is over when this many windows, and one more, were none.")
    ] = 1
    lateness_s: Annotated[
        int, Meta(ge=0, le=86_400, description="A window is closed this long after its end; later reports correct it.")
    ] = 120
    lag_s: Annotated[
        int,
        Meta(ge=0, le=604_800, description="When the workers before are further behind, windows do not wait for them."),
    ] = 21_600
    batch_size: Annotated[int, Meta(ge=1, le=20_000, description="Records taken at once, at most.")] = 1000
    batch_wait_s: Annotated[float, Meta(gt=0, le=10, description="A smaller batch is taken after this.")] = 0.2
    commit_s: Annotated[float, Meta(gt=0, le=60, description="The position is committed this often.")] = 2.0
    session_timeout_s: Annotated[
        int, Meta(ge=6, le=300, description="A silent process loses its partitions after this.")
    ] = 10
    stall_s: Annotated[
        float, Meta(ge=5, description="Ends, to be started anew, when it is behind and takes nothing for this long.")
    ] = 120.0
    host: Annotated[str, Meta(description="Address of /metrics, /healthz and /readyz.")] = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=0, le=65_535, description="Port of /metrics; 0 takes a free one.")] = 9108

    @property
    def rules(self) -> Rules:
        """What counts as a surge."""
        return Rules(
            window_s=self.window_s,
            baseline_windows=self.baseline_windows,
            floor=self.floor,
            min_count=self.min_count,
            ratio=self.ratio,
            calm_windows=self.calm_windows,
            lateness_s=self.lateness_s,
            lag_s=self.lag_s,
        )
