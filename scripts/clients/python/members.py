"""Three members of one group on confluent-kafka (librdkafka); prints one line per fact, for the test to compare.

    members.py <bootstrap> <group> <option=value>...
"""

import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BOOTSTRAP, GROUP, *GIVEN = sys.argv[1:]
OPTIONS = dict(option.split("=", 1) for option in GIVEN)
PARTITIONS = 6
RECORDS = 600
TIMEOUT_S = 60


def member():
    made = Consumer(
        {"bootstrap.servers": BOOTSTRAP, "group.id": GROUP, "auto.offset.reset": "earliest", **OPTIONS}
    )
    made.subscribe([GROUP])
    return made


def poll_until(members, read, is_done):
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and not is_done():
        for each in members:
            message = each.poll(0.02)
            if message is not None and message.error() is None:
                read.append((message.partition(), message.offset()))


def shares(members):
    return sorted(len(each.assignment()) for each in members)


client = AdminClient({"bootstrap.servers": BOOTSTRAP})
for made in client.create_topics([NewTopic(GROUP, PARTITIONS, 1)]).values():
    made.result(20)
producer = Producer({"bootstrap.servers": BOOTSTRAP})


def produce():
    for at in range(RECORDS):
        producer.produce(GROUP, str(at), partition=at % PARTITIONS)
    producer.flush(20)


members = [member() for _ in range(3)]
read = []
produce()
poll_until(members, read, lambda: shares(members) == [2, 2, 2] and len(set(read)) == RECORDS)
print("three", shares(members), "read", len(set(read)), flush=True)

members.pop(0).close()
poll_until(members, read, lambda: shares(members) == [3, 3])
produce()
poll_until(members, read, lambda: len(set(read)) == 2 * RECORDS)
owned = sorted(part.partition for each in members for part in each.assignment())
print("two", shares(members), "own", owned, "read", len(set(read)), flush=True)

for each in members:
    each.close()
partitions = [TopicPartition(GROUP, partition) for partition in range(PARTITIONS)]
asker = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": GROUP, **OPTIONS})
print("committed", sum(part.offset for part in asker.committed(partitions, timeout=20)), flush=True)
asker.close()
