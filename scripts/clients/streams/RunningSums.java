import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Running sums with exactly_once_v2: for each record of the topic `in` one record in `out`, which names the record it
 * was made of and the sum of its key so far, kept in a store with a changelog. One program, three processes:
 *
 *   RunningSums <bootstrap> feed <records> <records a second>
 *     creates the topics, prints `created`, fills `in`, prints `lost <why>` for a record that the broker did not take,
 *     and ends when each record has been seen in `out` by a reader of committed records
 *   RunningSums <bootstrap> sum <state directory>
 *     adds up until it is told to end, and prints `processed <n>` from within open transactions, for its caller to
 *     kill the broker, or this process, at
 *   RunningSums <bootstrap> print
 *     prints every record that can be read:
 *       in <partition> <offset> <key> <value>
 *       out <partition> <offset> <key> <input partition>:<input offset>:<sum>
 *       store <key> <sum>
 */
public final class RunningSums {
  private static final int PARTITIONS = 4;
  private static final int KEYS = 40;
  private static final int PROGRESS_RECORDS = 50;
  private static final String STORE = "sums";
  private static final String APPLICATION = "running-sums";
  private static final AtomicInteger processed = new AtomicInteger();

  private final String bootstrap;

  private RunningSums(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  public static void main(String[] args) throws Exception {
    RunningSums sums = new RunningSums(args[0]);
    switch (args[1]) {
      case "feed" -> sums.feed(Integer.parseInt(args[2]), Integer.parseInt(args[3]));
      case "sum" -> sums.sum(new File(args[2]));
      case "print" -> sums.print();
      default -> throw new IllegalArgumentException(args[1]);
    }
    say("done");
    System.exit(0);
  }

  private static synchronized void say(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word);
    System.out.println(line);
  }

  private Properties common() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    // The broker is away for moments only: come back soon.
    properties.put("reconnect.backoff.ms", "50");
    properties.put("reconnect.backoff.max.ms", "200");
    return properties;
  }

  private void createTopics() throws Exception {
    try (Admin admin = Admin.create(common())) {
      List<NewTopic> topics = new ArrayList<>();
      for (String name : List.of("in", "out")) topics.add(new NewTopic(name, PARTITIONS, (short) 1));
      admin.createTopics(topics).all().get();
    }
  }

  /** Adds up, and says which record it does it for. */
  private static final class Summing extends ContextualProcessor<String, Long, String, String> {
    private KeyValueStore<String, Long> store;

    @Override
    public void init(ProcessorContext<String, String> context) {
      super.init(context);
      store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Long> record) {
      Long before = store.get(record.key());
      long sum = (before == null ? 0 : before) + record.value();
      store.put(record.key(), sum);
      RecordMetadata source = context().recordMetadata().orElseThrow();
      context().forward(record.withValue(source.partition() + ":" + source.offset() + ":" + sum));
      int count = processed.incrementAndGet();
      if (count % PROGRESS_RECORDS == 0) say("processed", count);
    }
  }

  /** Until standard input ends. */
  private void sum(File stateDirectory) throws Exception {
    KafkaStreams streams = start(stateDirectory);
    while (System.in.read() >= 0) continue;
    streams.close();
  }

  private KafkaStreams start(File stateDirectory) {
    Topology topology = new Topology();
    topology.addSource("in", Serdes.String().deserializer(), Serdes.Long().deserializer(), "in");
    topology.addProcessor("sum", Summing::new, "in");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.Long()), "sum");
    topology.addSink("out", "out", new StringSerializer(), new StringSerializer(), "sum");

    Properties properties = common();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, stateDirectory.getPath());
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "100");
    properties.put(StreamsConfig.consumerPrefix("session.timeout.ms"), "6000");
    properties.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), "500");
    properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    // A small part of what waits at a time, so that a kill finds the rest still to be done.
    properties.put(StreamsConfig.consumerPrefix("max.poll.records"), "100");
    // Waiting for an answer that a kill took away ends soon, and is then tried again.
    properties.put(StreamsConfig.producerPrefix("max.block.ms"), "10000");
    KafkaStreams streams = new KafkaStreams(topology, properties);
    streams.setUncaughtExceptionHandler(
        error -> {
          say("replaced", error.getClass().getSimpleName());
          return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
    streams.start();
    return streams;
  }

  private void feed(int records, int recordsPerSecond) throws Exception {
    createTopics();
    say("created");
    Properties properties = common();
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    properties.put("delivery.timeout.ms", "300000");
    properties.put("request.timeout.ms", "10000");
    properties.put("max.block.ms", "300000");
    var serializer = Serdes.Long().serializer();
    try (KafkaProducer<String, Long> producer = new KafkaProducer<>(properties, new StringSerializer(), serializer)) {
      for (long value = 0; value < records; value += 1) {
        producer.send(
            new ProducerRecord<>("in", "key" + value % KEYS, value),
            (metadata, error) -> {
              if (error != null) say("lost", error);
            });
        LockSupport.parkNanos(1_000_000_000 / recordsPerSecond);
      }
    }
    awaitOutput(records);
  }

  private KafkaConsumer<String, String> consumer(String isolation) {
    Properties properties = common();
    properties.put("isolation.level", isolation);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
  }

  private static List<TopicPartition> partitions(String topic) {
    List<TopicPartition> partitions = new ArrayList<>();
    for (int partition = 0; partition < PARTITIONS; partition += 1) {
      partitions.add(new TopicPartition(topic, partition));
    }
    return partitions;
  }

  /** Until each input record is named by at least one committed output record. */
  private void awaitOutput(int records) {
    Set<String> seen = new HashSet<>();
    try (KafkaConsumer<String, String> consumer = consumer("read_committed")) {
      consumer.assign(partitions("out"));
      while (seen.size() < records) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          seen.add(record.value().substring(0, record.value().lastIndexOf(':')));
        }
      }
    }
  }

  private interface Visitor {
    void visit(ConsumerRecord<byte[], byte[]> record);
  }

  private void readAll(String topic, String isolation, Visitor visitor) {
    Properties properties = common();
    properties.put("isolation.level", isolation);
    var bytes = Serdes.ByteArray().deserializer();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties, bytes, bytes)) {
      List<TopicPartition> partitions = partitions(topic);
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) visitor.visit(record);
      }
    }
  }

  private void print() {
    var numbers = Serdes.Long().deserializer();
    readAll(
        "in",
        "read_uncommitted",
        record -> {
          Long value = numbers.deserialize("in", record.value());
          say("in", record.partition(), record.offset(), new String(record.key()), value);
        });
    readAll(
        "out",
        "read_committed",
        record -> say("out", record.partition(), record.offset(), new String(record.key()), new String(record.value())));
    printChangelog();
  }

  private void printChangelog() {
    String topic = APPLICATION + "-" + STORE + "-changelog";
    Map<String, Long> sums = new HashMap<>();
    readAll(
        topic,
        "read_committed",
        record ->
            sums.put(new String(record.key()), Serdes.Long().deserializer().deserialize(topic, record.value())));
    sums.forEach((key, sum) -> say("store", key, sum));
  }
}
