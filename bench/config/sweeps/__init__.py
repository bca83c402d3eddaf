"""A sweep as Hydra has it: its members, shards of them, and the engines that launch them.

members    which there are
shard      some of them
sweeper    goes through them
jobs       a member as an engine's process has it, and what launchers share
basic      a launcher that runs them one after the other
joblib     in processes of this machine
slurm      on a cluster that has SLURM
ray        on one that has Ray
engines    all that stand in the place of Hydra's own
"""
