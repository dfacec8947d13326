"""An existing destination, declared exactly as it is."""

from __future__ import annotations

from ._validation import check_type


class DestinationPath:
    """The exact path of a destination's URI, for a destination that exists already.

    `ImageGeneration(prefix="front-door")` adds the slash that most people want and declares
    ``s3://<bucket>/front-door/``. Scripts often set a destination without that slash, and adding it changes the keys of
    all later images. A `DestinationPath` instead of that text changes nothing:

    ============================== ============================== ======================================
    `prefix`                       URI                            key of an image
    ============================== ============================== ======================================
    none                           ``s3://<bucket>``              ``<account>_<stream>_…``
    ``"front-door"``               ``s3://<bucket>/front-door/``  ``front-door/<account>_<stream>_…``
    ``DestinationPath("/")``       ``s3://<bucket>/``             ``<account>_<stream>_…``
    ``DestinationPath("/yard")``   ``s3://<bucket>/yard``         ``yard<account>_<stream>_…``
    ============================== ============================== ======================================

    Without a slash at its end, ``/cam-1`` also covers the keys of ``/cam-10`` and of the folder ``cam-1-old/``, so
    permissions, notifications of the bucket and request metrics for one include the other. The rule of
    `on_image_delivered` distinguishes them by the stream's name.

    Parameters
    ----------
    path
        The part of the URI after the bucket's name: empty, or text that begins with a slash. It must not contain
        ``*``, and the URI has at most 255 characters.

    Raises
    ------
    ValueError
        If `path` has another form.

    See Also
    --------
    https://docs.aws.amazon.com/kinesisvideostreams/latest/dg/API_ImageGenerationDestinationConfig.html
    """

    def __init__(self, path: str) -> None:
        fits = isinstance(path, str) and (path == "" or path.startswith("/")) and "*" not in path
        check_type("path", path, fits, "empty, or text that begins with a slash and has no *, such as '/front-door'")
        self._path = path

    def __repr__(self) -> str:
        """Return it as code."""
        return f"DestinationPath({self._path!r})"

    @property
    def path(self) -> str:
        """The part of the URI after the bucket's name."""
        return self._path
