"""Both towers as ONNX, float32 and int8, and an encoder that runs them by onnxruntime so that they can be measured."""

import contextlib
import logging
import os
import warnings
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from weft.artefact import file_key, key_of
from weft.encoders import Encoder
from weft.encoders.protocol import Inputs
from weft.errors import Unable, WeftError, extra
from weft.progress import say

OPSET = 20
TOWERS = {"image": "vision_model", "text": "text_model"}
"""File names as transformers.js has them."""
OUTPUT = "embeddings"  # not "embedding": the exporter calls a token lookup so, and the names would collide
PARITY = 1e-5
"""The largest difference of a unit vector's component that the float32 export may have."""
ONE_FILE = 1_500_000_000
"""Bytes of weights up to which a tower is one file: protobuf ends at 2 GiB."""
QUANTISED = ("MatMul", "Gemm", "Gather")
"""Matrix products and token lookups. The patch convolution stays float: onnxruntime has no ConvInteger of int8."""
PROBE = (["red dress", "A navy COAT by Älva", ""], ((40, 56), (64, 30), (33, 33)))


class Tower(nn.Module):
    """One of an encoder's two functions as a module of positional tensors, which the exporter wants."""

    def __init__(self, encoder: Encoder, kind: str, names: list[str]):
        super().__init__()
        self.model, self.names = encoder.model, names  # registered, so that its weights are exported
        self.forward_of = encoder.image_features if kind == "image" else encoder.text_features

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.forward_of(dict(zip(self.names, tensors, strict=True)))


def probe(encoder: Encoder, kind: str, count: int = 3) -> dict[str, Tensor]:
    """Inputs of a few texts or pictures of various lengths and shapes."""
    texts, sizes = PROBE
    if kind == "text":
        return encoder.tokens(texts[:count])
    return encoder.pixels([Image.effect_mandelbrot(size, (-2, -1, 1, 1), 60).convert("RGB") for size in sizes[:count]])


def export(encoder: Encoder, folder: Path) -> dict:
    """Writes `vision_model.onnx` and `text_model.onnx` (names as in transformers.js) and their int8 twins.

    Inputs are what the processor gives, of any batch size; the output `embeddings` is (B, D) unit vectors.

    Returns:
        opset, the files' sizes in bytes, and `parity`: the largest difference of a component from PyTorch on a few
        pictures and texts, one and three at a time.

    Raises:
        WeftError: the extra is missing, or a float32 tower differs by `PARITY` or more.
        Unable: the family's image tower has no fixed input shape (NaFlex).
    """
    if encoder.preprocess is None:
        raise Unable(f"{encoder.name} takes pictures of any shape (NaFlex): it has no ONNX form yet, leave out --onnx")
    for module in ("onnx", "onnxscript", "onnxruntime"):
        extra(module, "onnx", "an ONNX export")
    folder.mkdir(parents=True, exist_ok=True)
    encoder.model.cpu().float().eval()
    found: dict = {"opset": OPSET, "files": {}, "parity": {}}
    for kind, name in TOWERS.items():
        say(f"  exporting the {kind} tower")
        path, small = folder / f"{name}.onnx", folder / f"{name}_int8.onnx"
        _export(encoder, kind, path)
        _quantise(path, small)
        for precision, file in (("fp32", path), ("int8", small)):
            found["parity"][f"{kind} {precision}"] = parity(encoder, kind, file)
        if found["parity"][f"{kind} fp32"] >= PARITY:
            apart = found["parity"][f"{kind} fp32"]
            raise WeftError(f"the ONNX {kind} tower differs from PyTorch by {apart:.2g}, more than {PARITY:g}")
    for file in folder.iterdir():
        file.chmod(0o644)  # onnxruntime leaves weights that only their writer can read
    found["files"] = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    return found


def _export(encoder: Encoder, kind: str, path: Path) -> None:
    inputs = probe(encoder, kind)
    tower = Tower(encoder, kind, list(inputs)).eval()
    batch = ({0: torch.export.Dim("batch")},) * len(inputs)
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            tower, tuple(inputs.values()), dynamo=True, opset_version=OPSET, dynamic_shapes=(batch,),
            input_names=list(inputs), output_names=[OUTPUT], verbose=False,
        )  # fmt: skip
        own = {*encoder.towers()[kind]}
        weights = sum(4 * p.numel() for name, p in encoder.model.named_parameters() if name in own)
        program.save(path, external_data=weights > ONE_FILE)
    _forget(path)


def _forget(path: Path) -> None:
    """Takes out what the exporter noted for its own debugging: stack traces with paths of this machine."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    graphs = [model.graph, *model.functions]
    for owner in (model, *graphs, *(node for graph in graphs for node in graph.node)):
        del owner.metadata_props[:]
        owner.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    onnx.save(model, path)


def _quantise(path: Path, out: Path) -> None:
    """Weights to int8, a scale for each channel; activations are quantised as they come (dynamic)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(
            path, out, weight_type=QuantType.QInt8, op_types_to_quantize=list(QUANTISED), per_channel=True,
            use_external_data_format=path.with_name(path.name + ".data").exists(),
        )  # fmt: skip


def parity(encoder: Encoder, kind: str, path: Path) -> float:
    """The largest difference of any component from PyTorch, on one and on three pictures or texts."""
    session, forward = open_session(path), encoder.image_features if kind == "image" else encoder.text_features
    apart = 0.0
    for count in (1, 3):
        inputs = probe(encoder, kind, count)
        with torch.no_grad():
            right = forward(inputs).numpy()
        apart = max(apart, float(abs(run(session, inputs) - right).max()))
    return apart


class OnnxEncoder:
    """Both towers by onnxruntime on the CPU, with the preprocessing of the encoder they were exported from."""

    def __init__(self, encoder: Encoder, folder: Path, precision: str):
        self.encoder, self.name, self.dim = encoder, f"onnx {precision}", encoder.dim
        end = "" if precision == "fp32" else f"_{precision}"
        self.files = {kind: folder / f"{name}{end}.onnx" for kind, name in TOWERS.items()}
        self.sessions = {kind: open_session(file) for kind, file in self.files.items()}
        self.pixels, self.tokens = encoder.pixels, encoder.tokens
        self.device = torch.device("cpu")

    def to(self, device: torch.device) -> None:
        """Stays where it is: the published numbers are those of a CPU."""

    def image_features(self, inputs: Inputs) -> Tensor:
        return torch.from_numpy(run(self.sessions["image"], inputs))

    def text_features(self, inputs: Inputs) -> Tensor:
        return torch.from_numpy(run(self.sessions["text"], inputs))

    def facts(self) -> dict:
        return self.encoder.facts()

    def fingerprint(self) -> str:
        files = [file_key(one) for file in self.files.values() for one in sorted(file.parent.glob(file.name + "*"))]
        return key_of([files, self.facts()])


def open_session(path: Path):
    """An onnxruntime session on the CPU, with as many threads as PyTorch was given."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(session, inputs: Inputs):
    """(B, D) float32 numpy vectors of a batch."""
    return session.run([OUTPUT], {name: tensor.numpy() for name, tensor in inputs.items()})[0]


@contextlib.contextmanager
def _quiet():
    """The exporter's remarks are for those who write exporters: logs, warnings, and what it prints."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            Path(os.devnull).open("w") as nothing,
            contextlib.redirect_stdout(nothing),
            contextlib.redirect_stderr(nothing),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
