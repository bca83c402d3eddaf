"""The field's other names for what a command calls otherwise: of options, of choices and of values.

The text of a name is what to write, in words that go into "did you mean ...?". Names are compared without regard to
case, `-` and `_` (`bench.errors.plain`). An option's own name in another group needs no line: `hidden` finds
`model.hidden`, since the last part of a dotted name is enough.
"""

from __future__ import annotations

_OPTIONS = {
    "optimizer.lr": "alpha eta learning_rate step_size",
    "optimizer.weight_decay": "l2 wd wdecay",
    "optimizer=NAME": "algorithm optim optimiser",
    "schedule=NAME": "decay_schedule lr_schedule lr_scheduler scheduler",
    "schedule.warmup": "warmup_steps",
    "budget.steps": "iterations iters max_steps n_steps num_steps steps total_steps train_steps updates",
    "budget.steps=N, or budget.examples=N in sequences": "epoch epochs max_epochs n_epochs num_epochs",
    "budget.seconds": "max_time minutes time time_limit timeout",
    "batch_size": "batch batches bs bsz lanes minibatch",
    "model.hidden": "d_model dim h hid hidden_dim hidden_size n_hidden nhid num_units rnn_size size units width",
    "model.layers": "depth n_layer n_layers num_layers stack",
    "model.embedding": "emb emb_dim embed embedding_dim embedding_size emsize",
    "model.dropout": "drop dropout_rate p_drop",
    "model.bidirectional": "bi bidir",
    "model.residual": "residual_connections shortcut",
    "model.norm=layer": "layer_norm",
    "model.norm=batch": "batch_norm bn",
    "model.tie": "tie_weights tied weight_tying",
    "model.beam": "beam_size beam_width",
    "clip.norm": "clip_grad clip_grad_norm clipping grad_clip gradient_clip gradient_clipping max_grad_norm max_norm",
    "bptt.window": "bptt_len bptt_steps seq_len_bptt tbptt truncation",
    "cell.activation, with cell=vanilla": "act activation_function nonlinearity",
    "cell=NAME": "arch architecture cell_type model_type net network rnn rnn_type unit",
    "task=NAME": "benchmark data dataset problem",
    "task.source": "data_dir data_path file input_file path",
    "init=NAME": "initialisation initialization initializer weight_init",
    "seed": "manual_seed random_seed random_state rng",
    "seed=range(N), with -m": "n_seeds num_seeds repeats replicates runs seeds trials",
    "hardware.device": "accelerator device_name",
    "hardware.device=cuda": "cuda gpu gpus use_cuda",
    "hardware.device=cpu": "cpu no_cuda no_gpu",
    "hardware.device=mps": "mps",
    "hardware.threads": "cpus jobs n_jobs num_threads num_workers workers",
    "hardware.precision": "dtype",
    "hardware.precision=bfloat16": "amp autocast bf16 fp16 half mixed_precision",
    "results_dir": "dir exp_dir folder log_dir out out_dir output output_dir results save save_dir",
    "rerun=all": "again force overwrite",
    "resume=PATH": "continue from_checkpoint load load_checkpoint restore resume_from",
    "ema": "ema_decay polyak swa",
    "patience": "early_stop early_stopping",
    "accumulate": "accumulation_steps grad_accum gradient_accumulation gradient_accumulation_steps",
    "evaluations": "eval_every eval_interval log_interval validations",
    "init.forget_bias": "forget_bias",
}

_VALUES = {
    "float32": "32 f32 float fp32 full single",
    "float64": "64 double f64 fp64",
    "bfloat16, the half precision here": "16 amp f16 float16 fp16 half mixed",
    "bfloat16": "bf16",
    "auto, or cuda where there is one": "gpu",
    "additive": "bahdanau",
    "dot": "luong scaled_dot",
    "batch": "batchnorm bn",
    "layer": "layernorm ln",
    "rms": "rmsnorm",
    "silu": "swish",
}

_CHOICES = {
    "cell": {
        "vanilla, the plain recurrent network": "elman rnn rnn_tanh simple_rnn srn tanh vanilla_rnn",
        "vanilla cell.activation=relu": "relu rnn_relu",
        "lstm model.bidirectional=true": "bi_lstm blstm",
        "gru model.bidirectional=true": "bgru bi_gru",
        "vanilla model.bidirectional=true": "bi_rnn brnn",
        "lstm model.layers=2": "stacked_lstm",
        "peephole_lstm": "lstm_peephole peephole",
        "layernorm_lstm": "ln_lstm lstm_layernorm lstm_ln",
        "s4d": "s4 s5 ssm",
        "tcn, a convolution over time": "cnn conv conv1d temporal_cnn wavenet",
        "transformer": "bert gpt self_attention",
        "mlstm or slstm": "xlstm",
        "rhn": "highway recurrent_highway",
        "linear_attention": "linear_transformer performer",
        "rglru": "griffin hawk",
        "ngram_mlp": "feedforward ffn mlp",
    },
    "init": {
        "xavier": "glorot glorot_normal glorot_uniform xavier_normal xavier_uniform",
        "he": "he_normal he_uniform kaiming kaiming_normal kaiming_uniform",
        "normal": "gauss gaussian randn",
        "identity": "eye irnn",
        "torch": "pytorch uniform",
    },
    "optimizer": {
        "sgd": "gd gradient_descent momentum nesterov",
        "adam": "amsgrad",
        "rmsprop": "rms",
    },
    "schedule": {
        "cosine": "annealing cosine_annealing cosineannealinglr",
        "constant": "fixed none",
        "step": "multistep steplr",
        "exponential": "exp exponentiallr",
        "plateau": "reduce_on_plateau reducelronplateau",
        "onecycle": "onecyclelr",
        "constant schedule.warmup=0.1": "warmup",
    },
    "clip": {"norm": "global grad_norm gradient max_norm", "none": "no off", "adaptive": "agc"},
    "bptt": {
        "truncated bptt.window=N": "tbptt trunc truncate window windowed",
        "full": "none off",
    },
    "task": {
        "digits": "mnist pixel_mnist pmnist psmnist sequential_mnist smnist",
        "charlm": "char language_model lm shakespeare text",
        "wordlm": "word",
        "adding": "add addition",
        "copy": "copy_memory copying",
        "music": "jsb_chorales midi nottingham piano polyphonic",
        "translation": "machine_translation mt nmt seq2seq",
        "speech": "audio speech_commands wav",
        "forecast": "csv forecasting mackey_glass time_series",
        "uea": "ucr",
        "anomaly": "anomalies outlier",
        "sentiment": "imdb",
    },
}

NUMBERS = {
    "bptt": "bptt=truncated bptt.window={}",
    "budget": "budget.steps={}",
    "clip": "clip.norm={}",
    "match": "match.params={}",
    "model": "model.hidden={}",
    "optimizer": "optimizer.lr={}",
}
"""Groups for which a number says what one of their options is."""

_VERBS = {
    "no verb, as in task=NAME cell=NAME": "bench execute fit go run start train training",
    "-m, for a sweep": "grid multirun sweep",
    "--help": "h help usage",
    "--version": "v version",
    "compare": "ab contrast diff versus vs",
    "leaderboard": "board rank results score scores summary table tables",
    "list": "catalog cells choices ls options tasks",
    "runs": "history log logs records status",
    "show": "cat describe display info inspect view",
    "rm": "clean clear del delete erase remove",
    "check": "lint test validate",
    "verify": "audit authenticate reproduce",
    "fetch": "download get prepare",
    "sample": "complete generate predict write",
    "diagnose": "analyse analyze gradients plot",
    "doctor": "devices env environment system",
    "new": "create init scaffold template",
}


def _by_name(texts: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", ""): text for text, names in texts.items() for name in names.split()}


OPTIONS = _by_name(_OPTIONS)
VALUES = _by_name(_VALUES)
CHOICES = {group: _by_name(texts) for group, texts in _CHOICES.items()}
VERBS = _by_name(_VERBS)
