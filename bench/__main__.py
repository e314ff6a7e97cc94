"""`make bench`: every long run, one after the other, each in an installation of its own."""

from bench import churn, faults, receive

for run in (receive, faults, churn):
    run.main()
