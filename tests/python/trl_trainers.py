"""The tables `sft`, `dpo`, `critique_dpo` and `grpo` in TRL's trainers, as they are."""

import tempfile

import torch

from checks import Checks


def check_trl(setup, checks: Checks) -> None:
    check_same_ids(setup, checks)
    check_sft(setup, checks)
    for config in ("dpo", "critique_dpo"):
        check_dpo(setup, config, checks)
    check_grpo(setup, checks)


def table(setup, config: str):
    from datasets import load_dataset

    with tempfile.TemporaryDirectory() as cache:
        return load_dataset(str(setup.release), config, split="train", cache_dir=cache, keep_in_memory=True)


def settings(folder: str, **more) -> dict:
    common = {"per_device_train_batch_size": 2, "max_steps": 3, "learning_rate": 1e-3, "logging_steps": 1}
    common |= {"use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no", "disable_tqdm": True}
    return common | {"output_dir": folder, "gradient_checkpointing": False, "max_length": None} | more


def check_same_ids(setup, checks: Checks) -> None:
    """A chat in `sft` through Janus's processor has the ids of its twin in `janus`."""
    from trl.data_utils import prepare_multimodal_messages

    twins = {id: index for index, id in enumerate(setup.rows.table["id"].to_pylist())}
    rows, wrong = table(setup, "sft"), []
    for row in rows:
        messages = prepare_multimodal_messages(row["messages"], images=row["images"])
        encoded = setup.processor.apply_chat_template(
            [messages], tokenize=True, return_dict=True, processor_kwargs={"add_special_tokens": False}
        )
        if list(encoded["input_ids"][0]) != setup.rows[twins[row["id"]]]["input_ids"]:
            wrong.append(row["id"])
    checks.none("sft through Janus's processor has the ids of janus", wrong, len(rows))


def check_sft(setup, checks: Checks) -> None:
    from trl import SFTConfig, SFTTrainer

    with tempfile.TemporaryDirectory() as folder:
        rows = table(setup, "sft")
        arguments = SFTConfig(**settings(folder))
        trainer = SFTTrainer(setup.model(), arguments, train_dataset=rows, processing_class=setup.processor)
        result = trainer.train()
    pictures = sorted({len(images) for images in rows["images"]})
    what = f"SFTTrainer takes sft, rows with {pictures} pictures: loss {result.training_loss:.2f}"
    checks.that(what, 0 < result.training_loss < 10)


def check_dpo(setup, config: str, checks: Checks) -> None:
    from trl import DPOConfig, DPOTrainer

    with tempfile.TemporaryDirectory() as folder:
        rows = table(setup, config)
        arguments = DPOConfig(**settings(folder))
        trainer = DPOTrainer(setup.model(), setup.model(), args=arguments, train_dataset=rows, processing_class=setup.processor)
        result = trainer.train()
    first = trainer.state.log_history[0]["loss"]
    kinds = sorted(set(rows["kind"])) if "kind" in rows.column_names else ["critique"]
    # Before anything is learnt both sides are as likely as in the reference: -ln sigmoid(0).
    what = f"DPOTrainer takes {config} ({', '.join(kinds)}): loss {first:.3f} at first, {result.training_loss:.3f}"
    checks.that(what, abs(first - torch.log(torch.tensor(2.0)).item()) < 0.02)


def check_grpo(setup, checks: Checks) -> None:
    """Rows are groups, and advantages are what TRL would work out of their rewards."""
    rows, wrong = table(setup, "grpo"), []
    for row in rows:
        rewards = torch.tensor(row["rewards"], dtype=torch.float64)
        deviation = rewards.std() if len(rewards) > 1 else torch.zeros(())
        wanted = (rewards - rewards.mean()) / (deviation + 1e-4)
        if not torch.allclose(torch.tensor(row["advantages"], dtype=torch.float64), wanted, atol=1e-9):
            wrong.append(row["id"])
    checks.none("grpo: advantages are those of GRPO", wrong, len(rows))
    sizes = {len(row) for row in rows["rewards"]}
    checks.that(f"grpo: groups of {sorted(sizes)}", max(sizes) > 1)
    kinds = {"spatial", "numeracy", "object", "color", "shape", "texture", "complex", "non"}
    checks.equal("grpo: task types are T2I-R1's", set(rows["task_type"]) - kinds, set())
