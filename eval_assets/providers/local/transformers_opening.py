"""Opening a model of provider `transformers`: in this process, or as replicas in a Ray cluster."""

from eval_assets.cluster.ray_session import Share
from eval_assets.config.engine_name import RAY
from eval_assets.config.local_limits import local_limits
from eval_assets.config.model import Model
from eval_assets.errors import ClusterError
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.local.replicas import LocalWeights, ReplicatedClient
from eval_assets.requests.exchange import Client


def open_transformers(model: Model, surroundings: Surroundings) -> Client:
    """The client of a model file; of a folder or file in `data/models` if there is one of that name.

    Raises:
        ProviderError: A package is absent that the model needs in this process.
        ClusterError: There is no room for replicas.
    """
    file = model.file
    beside = surroundings.models_dir / str(file.model)
    weights = LocalWeights(
        beside if beside.exists() else str(file.model),
        gguf_file=file.gguf_file,
        device=file.device,
        batch_size=file.batch_size,
        threads=file.threads,
    )
    if file.engine != RAY:
        return weights.client()
    if surroundings.cluster is None:
        raise ClusterError(f"model {model.name!r} has `engine: ray`, and is asked where no cluster may be used")
    return ReplicatedClient(
        weights,
        surroundings.cluster,
        Share(cpus=file.threads, gpus=0 if file.device == "cpu" else 1),
        n_wanted=file.replicas,
        most_each=local_limits(file.device, file.batch_size)["max_concurrency"],
    )
