# %% [markdown]
# # A sweep in Python
# Run `cvae-sweep run sweeps/digits_beta.yaml` first. Editors show this file as a notebook;
# `jupytext --to ipynb examples/notebook.py` makes one of it.

# %%
import os

import torch

import orchestration

sweep = orchestration.load_sweep(os.environ.get("SWEEP", "digits_beta"))

# %% [markdown]
# ## Every trial with its settings and its latest metrics

# %%
trials = sweep.trials_frame()
print(trials[["model", "beta", "probe/accuracy", "test/reconstruction_mse"]])

# %% [markdown]
# ## What was measured after each epoch

# %%
history = sweep.history_frame().merge(trials[["model", "beta"]], left_on="key", right_index=True)
print(history.groupby(["model", "epoch"])["val/reconstruction"].mean().unstack("model"))

# %% [markdown]
# ## VAE and CVAE of equal seed

# %%
pairs = sweep.pairs_frame("probe/accuracy")
print(pairs[["cell", "reference_value", "other_value", "difference"]])

# %% [markdown]
# ## The VAE or CVAE of the best probe: images that it makes of the prior's samples

# %%
families = trials["model"].isin(["vae", "cvae"])  # baselines are trials, too
best = trials.loc[families, "probe/accuracy"].idxmax()
model = sweep.model(best)
latent_dim = int(trials.loc[best, "architecture.latent_dim"])
with torch.no_grad():
    images = model.decode(torch.randn(16, latent_dim))
print(f"{trials.loc[best, 'model']}: {len(images)} images of {tuple(images.shape[1:])}")
