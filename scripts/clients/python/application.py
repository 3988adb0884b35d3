"""A small application on confluent-kafka (librdkafka): each command prints one line per fact, for the test to compare.

    application.py <bootstrap> admin | produce | group | resume <expected> | static | transaction
"""

import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType

BOOTSTRAP = sys.argv[1]


def say(*words):
    print(*words, flush=True)


def admin():
    return AdminClient({"bootstrap.servers": BOOTSTRAP})


def wait(futures):
    return {name: future.result(20) for name, future in futures.items()}


def create(topic):
    # The client must outlive its futures.
    client = admin()
    wait(client.create_topics([topic]))


def producer(**options):
    named = {name.replace("_", "."): value for name, value in options.items()}
    return Producer({"bootstrap.servers": BOOTSTRAP, **named})


def consumer(**options):
    named = {name.replace("_", "."): value for name, value in options.items()}
    return Consumer({"bootstrap.servers": BOOTSTRAP, "auto.offset.reset": "earliest", **named})


def administer():
    client = admin()
    wait(client.create_topics([NewTopic("py-made", 3, 1, config={"retention.ms": "3600000"})]))
    try:
        wait(client.create_topics([NewTopic("py-made", 3, 1)]))
    except KafkaException as again:
        say("again", again.args[0].name())
    described = client.list_topics("py-made", timeout=10).topics["py-made"]
    say("partitions", len(described.partitions), "isr", len(described.partitions[0].isrs))
    resource = ConfigResource(ResourceType.TOPIC, "py-made")
    say("retention", client.describe_configs([resource])[resource].result(10)["retention.ms"].value)
    wait(client.create_partitions([NewPartitions("py-made", 5)]))
    say("grown", len(client.list_topics("py-made", timeout=10).topics["py-made"].partitions))
    made = producer()
    for at in range(5):
        made.produce("py-made", f"v{at}", partition=0)
    made.flush(10)
    first = TopicPartition("py-made", 0, 2)
    wait(client.delete_records([first]))
    for name, spec in (("earliest", OffsetSpec.earliest()), ("latest", OffsetSpec.latest())):
        found = client.list_offsets({TopicPartition("py-made", 0): spec})
        say(name, list(found.values())[0].result(10).offset)
    wait(client.delete_topics(["py-made"], operation_timeout=10))
    say("left", "py-made" in client.list_topics(timeout=10).topics)


def produce():
    create(NewTopic("py-acks", 1, 1))
    for acks in ("all", "1", "0"):
        made = producer(acks=acks)
        # Without acknowledgement librdkafka knows no offset.
        report = lambda error, message, acks=acks: say(
            "acks", acks, "error", error, "offset", message.offset() if acks != "0" else "-"
        )
        made.produce("py-acks", f"value {acks}", f"key {acks}", headers={"acks": acks}, on_delivery=report)
        made.flush(10)
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        made = producer(compression_type=codec, linger_ms=50)
        for at in range(50):
            made.produce("py-acks", f"{codec} {at}", codec)
        made.flush(10)
    reader = consumer(group_id="py-reader", enable_auto_commit=False)
    reader.assign([TopicPartition("py-acks", 0, 0)])
    received = []
    while len(received) < 203:
        message = reader.poll(1)
        if message is not None and not message.error():
            received.append(message)
    reader.close()
    for message in received[:3]:
        header = dict(message.headers())["acks"].decode()
        say("read", message.offset(), message.key().decode(), message.value().decode(), header)
    seen = {}
    in_order = True
    for message in received[3:]:
        codec = message.key().decode()
        in_order = in_order and message.value().decode() == f"{codec} {seen.get(codec, 0)}"
        seen[codec] = seen.get(codec, 0) + 1
    say("codecs", sorted(seen.items()), "in order", in_order)


class Member:
    def __init__(self, group, topic="py-group", **options):
        self.assigned = set()
        self.assignments = 0
        self.error = None
        self.values = []
        self.consumer = consumer(
            group_id=group,
            enable_auto_commit=False,
            session_timeout_ms=10000,
            heartbeat_interval_ms=200,
            **options,
        )
        self.consumer.subscribe([topic], on_assign=self.on_assign, on_revoke=self.on_revoke)

    def on_assign(self, _consumer, partitions):
        self.assigned |= {one.partition for one in partitions}
        self.assignments += 1

    def on_revoke(self, _consumer, partitions):
        self.assigned -= {one.partition for one in partitions}

    def poll(self):
        message = self.consumer.poll(0.05)
        if message is not None and message.error():
            self.error = message.error()
        elif message is not None:
            self.values.append(message.value().decode())
            self.consumer.commit(message, asynchronous=False)


def send(first, count):
    made = producer()
    for at in range(first, first + count):
        made.produce("py-group", str(at), partition=at % 4)
    made.flush(10)


def share():
    client = admin()
    wait(client.create_topics([NewTopic("py-group", 4, 1)]))
    first = Member("py-sharing")
    second = Member("py-sharing")
    while len(first.assigned) != 2 or len(second.assigned) != 2:
        first.poll()
        second.poll()
    say("shared", len(first.assigned), len(second.assigned))
    send(0, 40)
    while len(first.values) + len(second.values) < 40:
        first.poll()
        second.poll()
    say("each", len(first.values), len(second.values))
    second.consumer.close()
    while len(first.assigned) != 4:
        first.poll()
    send(40, 20)
    while len(first.values) < 40:
        first.poll()
    say("taken over", len(first.values), "all", len(set(first.values + second.values)))
    first.consumer.close()
    # For the command that comes after the restart.
    send(60, 8)


def resume(expected):
    member = Member("py-sharing")
    while len(member.values) < expected:
        member.poll()
    say("resumed", sorted(member.values))
    member.consumer.close()
    client = admin()
    wait(client.delete_consumer_groups(["py-sharing"]))
    listed = client.list_consumer_groups().result(10)
    say("left", "py-sharing" in [group.group_id for group in listed.valid])


def static_member(instance):
    return Member("py-static", "py-static", group_instance_id=instance)


def instances(client):
    group = client.describe_consumer_groups(["py-static"])["py-static"].result(10)
    return sorted(str(member.group_instance_id) for member in group.members)


def stay():
    # Static members (KIP-345): they come back to what they had, and fence their former selves.
    client = admin()
    wait(client.create_topics([NewTopic("py-static", 4, 1)]))
    one = static_member("one")
    two = static_member("two")
    while len(one.assigned) != 2 or len(two.assigned) != 2:
        one.poll()
        two.poll()
    owned = set(one.assigned)
    assignments = two.assignments
    one.consumer.close()
    returned = static_member("one")
    while not returned.assigned:
        returned.poll()
        two.poll()
    say("returned", returned.assigned == owned, "assigned again", two.assignments - assignments)
    twin = static_member("one")
    while not twin.assigned or returned.error is None:
        twin.poll()
        two.poll()
        returned.poll()
    say("fenced", returned.error.name(), "twin", twin.assigned == owned, "members", instances(client))
    for each in (returned, twin, two):
        each.consumer.close()
    say("closed", instances(client))


def transact():
    create(NewTopic("py-transactions", 2, 1))
    made = producer(transactional_id="py-transaction")
    made.init_transactions(20)
    for outcome in ("commit", "abort", "commit"):
        made.begin_transaction()
        for partition in range(2):
            made.produce("py-transactions", outcome, partition=partition)
        made.flush(10)
        if outcome == "commit":
            made.commit_transaction(20)
        else:
            made.abort_transaction(20)
    for isolation in ("read_uncommitted", "read_committed"):
        reader = consumer(group_id="py-" + isolation, isolation_level=isolation, enable_partition_eof=True)
        reader.assign([TopicPartition("py-transactions", partition, 0) for partition in range(2)])
        seen = {}
        ended = set()
        while len(ended) < 2:
            message = reader.poll(1)
            if message is None:
                continue
            if message.error():
                ended.add(message.partition())
            else:
                value = message.value().decode()
                seen[value] = seen.get(value, 0) + 1
        reader.close()
        say(isolation, sorted(seen.items()))


{
    "admin": administer,
    "produce": produce,
    "group": share,
    "resume": lambda: resume(int(sys.argv[3])),
    "static": stay,
    "transaction": transact,
}[sys.argv[2]]()
say("done")
