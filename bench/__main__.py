"""`make bench`: every long run, one after the other, each in an installation of its own."""

from bench import churn, faults, media_memory, receive

for run in (media_memory, receive, faults, churn):
    run.main()
