"""Errors of models on the hub, in words for the operator."""

import errno

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from service.engine.errors import ModelError
from service.hub.id import HubId

_BY_KIND: tuple[tuple[type[Exception], str], ...] = (
    (
        GatedRepoError,
        "access must be granted first: ask for it at {page}, and set HF_TOKEN to a token that may read it",
    ),
    (RepositoryNotFoundError, "no such path here, and no such model on the hub, or a private one: set HF_TOKEN if so"),
    (RevisionNotFoundError, "the hub has no such revision; {page}/tree/main lists branches and tags"),
    (HFValidationError, "no such path here, and not a name that the hub allows: {said}"),
    (OfflineModeIsEnabled, "it is not whole in the cache, {cache}, and HF_HUB_OFFLINE forbids to fetch it"),
)
"""The first match counts: some classes derive from others."""
_NO_TOKEN = "the hub refuses the token ({status}): set HF_TOKEN to one that may read the model, or unset it"  # noqa: S105
_BY_STATUS = {401: _NO_TOKEN, 403: _NO_TOKEN}
_FULL = "no room is left in the cache, {cache}: make some, or set HF_HUB_CACHE to a place that has"
_READ_ONLY = "the cache, {cache}, cannot be written: {said}; set HF_HUB_CACHE to a place that can"
_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
}
_ANSWERED = "{hub} answers {status}: try again later"
_BROKEN = "fetching from {hub} failed ({said}): check the network, a proxy and HF_ENDPOINT, and start again"


class HubError(ModelError):
    """A model that cannot be fetched from the hub; the message says why, and how to change that."""

    @classmethod
    def of(cls, model: HubId, error: BaseException) -> "HubError":
        """Return the error for the operator in place of one from the libraries."""
        if isinstance(error, (LocalEntryNotFoundError, RevisionResolutionError)) and error.__cause__:
            error = error.__cause__  # It is not in the cache either; the cause says why the hub did not answer.
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
        number = error.errno if isinstance(error, OSError) else None
        words = (
            next((words for kind, words in _BY_KIND if isinstance(error, kind)), None)
            or _BY_STATUS.get(status)
            or _BY_NUMBER.get(number or 0)
            or (_ANSWERED if status else _BROKEN)
        )
        reason = words.format(
            page=f"{constants.ENDPOINT}/{model.repository}",
            hub=constants.ENDPOINT,
            cache=constants.HF_HUB_CACHE,
            status=status,
            said=str(error).strip().partition("\n")[0] or type(error).__name__,
        )
        return cls(f"model {model}: {reason}")
