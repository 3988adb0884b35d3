"""Load by librdkafka, through confluent-kafka.

    librdkafka.py <bootstrap> produce <topic> <codec> <warm-up seconds> <seconds>
    librdkafka.py <bootstrap> transact <topic> <producers> <warm-up seconds> <seconds>

Says "open" and "close" where the measured stretch begins and ends, with nothing under way at either, and then one line
of JSON: how many bytes of values, or transactions, it brought.

What is produced are lines of a log as JSON, alike as such lines are and different as they are, from a fixed seed: gzip
makes about a fifth of them.
"""

import json
import random
import sys
import threading
import time

from confluent_kafka import Producer

BOOTSTRAP, COMMAND, TOPIC, CHOICE = sys.argv[1:5]
WARM_UP, SECONDS = float(sys.argv[5]), float(sys.argv[6])
RECORD_BYTES = 1024
RECORDS = 4000
WORDS = (
    "user order payment session cache gateway timeout retried accepted rejected upstream checkout inventory "
    "shipment invoice region replica latency request response service account profile search index worker"
).split()


def line(rng):
    entry = {
        "time": "2024-03-%02dT%02d:%02d:%02d.%03dZ"
        % (rng.randint(1, 28), rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59), rng.randint(0, 999)),
        "level": rng.choice(("info", "info", "info", "warn", "error")),
        "service": rng.choice(WORDS) + "-" + rng.choice(WORDS),
        "trace": "%032x" % rng.getrandbits(128),
        "user": rng.randint(1, 10_000_000),
        "took": round(rng.expovariate(0.01), 3),
        "message": "",
    }
    while len(json.dumps(entry)) < RECORD_BYTES:
        entry["message"] += rng.choice(WORDS) + (" " if rng.random() < 0.9 else " %d " % rng.randint(0, 99999))
    return json.dumps(entry)[:RECORD_BYTES].encode()


def say(word):
    print(word, flush=True)


def failed(error, message):
    if error is not None:
        sys.exit("a record was not delivered: %s" % error)


def produce():
    producer = Producer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "compression.type": CHOICE,
            "batch.size": 1_000_000,
            "batch.num.messages": 1_000_000,
            "linger.ms": 200,
            "queue.buffering.max.kbytes": 16_384,
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
        }
    )
    rng = random.Random(1)
    lines = [line(rng) for _ in range(RECORDS)]

    def run(seconds):
        sent, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for value in lines:
                while True:
                    try:
                        producer.produce(TOPIC, value, on_delivery=failed)
                        break
                    except BufferError:
                        producer.poll(0.05)
            sent += RECORDS * RECORD_BYTES
            producer.poll(0)
        producer.flush()
        return sent

    run(WARM_UP)
    say("open")
    sent = run(SECONDS)
    say("close")
    say(json.dumps({"amount": sent}))


def transact():
    count = int(CHOICE)
    counts = [0] * count
    is_stopped = threading.Event()
    ready = threading.Barrier(count + 1)

    def run(i):
        producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": "%s-%d" % (TOPIC, i), "linger.ms": 0})
        producer.init_transactions(30)
        ready.wait()
        while not is_stopped.is_set():
            producer.begin_transaction()
            for _ in range(10):
                producer.produce("%s-%d" % (TOPIC, i), b"a" * 100, on_delivery=failed)
            producer.commit_transaction(30)
            counts[i] += 1

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    time.sleep(WARM_UP)
    say("open")
    before = sum(counts)
    time.sleep(SECONDS)
    amount = sum(counts) - before
    say("close")
    is_stopped.set()
    for thread in threads:
        thread.join()
    if amount == 0:
        sys.exit("no transaction was committed")
    say(json.dumps({"amount": amount}))


{"produce": produce, "transact": transact}[COMMAND]()
