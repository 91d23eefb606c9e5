"""The attack suite: SendIt is killed, stopped, frozen and starved at random, and an auditor looks at the targets alone.

python -m tests.attack --strikes 300 --seed 7 --report docs/reliability.md
"""
