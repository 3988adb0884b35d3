import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A small application on the Java client: each command prints one line per fact, for the test to compare.
 *
 *   Application <bootstrap> admin | produce | group | resume <expected> | static | transaction
 */
public final class Application {
  private final String bootstrap;

  private Application(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  public static void main(String[] args) throws Exception {
    Application application = new Application(args[0]);
    switch (args[1]) {
      case "admin" -> application.administer();
      case "produce" -> application.produce();
      case "group" -> application.share();
      case "resume" -> application.resume(Integer.parseInt(args[2]));
      case "static" -> application.stay();
      case "transaction" -> application.transact();
      default -> throw new IllegalArgumentException(args[1]);
    }
    System.out.println("done");
    System.exit(0);
  }

  private static void say(Object... words) {
    StringBuilder line = new StringBuilder();
    for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word);
    System.out.println(line);
  }

  private Properties properties(Object... pairs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    for (int at = 0; at < pairs.length; at += 2) properties.put(pairs[at], String.valueOf(pairs[at + 1]));
    return properties;
  }

  private KafkaProducer<String, String> producer(Object... pairs) {
    return new KafkaProducer<>(properties(pairs), new StringSerializer(), new StringSerializer());
  }

  private KafkaConsumer<String, String> consumer(Object... pairs) {
    Properties properties = properties(pairs);
    properties.putIfAbsent("auto.offset.reset", "earliest");
    return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
  }

  private void administer() throws Exception {
    try (Admin admin = Admin.create(properties())) {
      NewTopic made = new NewTopic("java-made", 3, (short) 1).configs(Map.of("retention.ms", "3600000"));
      admin.createTopics(List.of(made)).all().get();
      try {
        admin.createTopics(List.of(made)).all().get();
      } catch (ExecutionException again) {
        say("again", again.getCause().getClass().getSimpleName());
      }
      say("listed", admin.listTopics().names().get().contains("java-made"));
      TopicDescription described = admin.describeTopics(List.of("java-made")).allTopicNames().get().get("java-made");
      say("partitions", described.partitions().size(), "isr", described.partitions().get(0).isr().size());
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, "java-made");
      say("retention", admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value());
      admin.createPartitions(Map.of("java-made", NewPartitions.increaseTo(5))).all().get();
      say("grown", admin.describeTopics(List.of("java-made")).allTopicNames().get().get("java-made").partitions().size());
      say("nodes", admin.describeCluster().nodes().get().size());
      try (KafkaProducer<String, String> producer = producer()) {
        for (int at = 0; at < 5; at++) producer.send(new ProducerRecord<>("java-made", 0, null, "v" + at)).get();
      }
      TopicPartition first = new TopicPartition("java-made", 0);
      admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(2))).all().get();
      say("earliest", admin.listOffsets(Map.of(first, OffsetSpec.earliest())).all().get().get(first).offset());
      say("latest", admin.listOffsets(Map.of(first, OffsetSpec.latest())).all().get().get(first).offset());
      admin.deleteTopics(List.of("java-made")).all().get();
      say("left", admin.listTopics().names().get().contains("java-made"));
    }
  }

  private void produce() throws Exception {
    try (Admin admin = Admin.create(properties())) {
      admin.createTopics(List.of(new NewTopic("java-acks", 1, (short) 1))).all().get();
    }
    for (String acks : List.of("all", "1", "0")) {
      try (KafkaProducer<String, String> producer = producer("acks", acks, "enable.idempotence", acks.equals("all"))) {
        ProducerRecord<String, String> record = new ProducerRecord<>("java-acks", "key " + acks, "value " + acks);
        record.headers().add("acks", acks.getBytes(StandardCharsets.UTF_8));
        RecordMetadata metadata = producer.send(record).get();
        say("acks", acks, "offset", metadata.offset());
      }
    }
    for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
      try (KafkaProducer<String, String> producer = producer("compression.type", codec, "linger.ms", 50)) {
        for (int at = 0; at < 50; at++) producer.send(new ProducerRecord<>("java-acks", codec, codec + " " + at));
      }
    }
    try (KafkaConsumer<String, String> consumer = consumer()) {
      TopicPartition partition = new TopicPartition("java-acks", 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      List<ConsumerRecord<String, String>> received = new ArrayList<>();
      while (received.size() < 203) consumer.poll(Duration.ofMillis(200)).forEach(received::add);
      for (ConsumerRecord<String, String> record : received.subList(0, 3)) {
        String header = new String(record.headers().lastHeader("acks").value(), StandardCharsets.UTF_8);
        say("read", record.offset(), record.key(), record.value(), header);
      }
      Map<String, Integer> byCodec = new TreeMap<>();
      boolean inOrder = true;
      for (ConsumerRecord<String, String> record : received.subList(3, received.size())) {
        int seen = byCodec.merge(record.key(), 1, Integer::sum);
        inOrder &= record.value().equals(record.key() + " " + (seen - 1));
      }
      say("codecs", byCodec, "in order", inOrder);
    }
  }

  /** A member that notes which partitions it has. */
  private final class Member implements ConsumerRebalanceListener, AutoCloseable {
    final KafkaConsumer<String, String> consumer;
    final Set<Integer> assigned = new TreeSet<>();
    final List<String> values = new ArrayList<>();
    int assignments = 0;

    Member(String group) {
      this(group, "java-group");
    }

    Member(String group, String topic, Object... pairs) {
      Properties properties =
          properties(
              "group.id", group,
              "enable.auto.commit", false,
              "auto.offset.reset", "earliest",
              "session.timeout.ms", 10_000,
              "heartbeat.interval.ms", 200);
      properties.putAll(properties(pairs));
      consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
      consumer.subscribe(List.of(topic), this);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      partitions.forEach(partition -> assigned.remove(partition.partition()));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      partitions.forEach(partition -> assigned.add(partition.partition()));
      assignments++;
    }

    int generation() {
      return consumer.groupMetadata().generationId();
    }

    void poll() {
      consumer.poll(Duration.ofMillis(50)).forEach(record -> values.add(record.value()));
      if (!assigned.isEmpty()) consumer.commitSync();
    }

    @Override
    public void close() {
      consumer.close();
    }
  }

  private void send(String topic, int partitions, int from, int count) throws Exception {
    try (KafkaProducer<String, String> producer = producer()) {
      for (int at = from; at < from + count; at++) {
        producer.send(new ProducerRecord<>(topic, at % partitions, null, String.valueOf(at))).get();
      }
    }
  }

  private void share() throws Exception {
    try (Admin admin = Admin.create(properties())) {
      admin.createTopics(List.of(new NewTopic("java-group", 4, (short) 1))).all().get();
      Member first = new Member("java-sharing");
      Member second = new Member("java-sharing");
      while (first.assigned.size() != 2 || second.assigned.size() != 2) {
        first.poll();
        second.poll();
      }
      say("shared", first.assigned.size(), second.assigned.size());
      send("java-group", 4, 0, 40);
      while (first.values.size() + second.values.size() < 40) {
        first.poll();
        second.poll();
      }
      say("each", first.values.size(), second.values.size());
      second.close();
      while (first.assigned.size() != 4) first.poll();
      send("java-group", 4, 40, 20);
      while (first.values.size() < 40) first.poll();
      Set<String> all = new TreeSet<>(first.values);
      all.addAll(second.values);
      say("taken over", first.values.size(), "all", all.size());
      first.close();
      Map<TopicPartition, ?> committed =
          admin.listConsumerGroupOffsets("java-sharing").partitionsToOffsetAndMetadata().get();
      say("committed", committed.size());
      // For the command that comes after the restart.
      send("java-group", 4, 60, 8);
    }
  }

  private void resume(int expected) throws Exception {
    try (Member member = new Member("java-sharing")) {
      while (member.values.size() < expected) member.poll();
      say("resumed", new TreeSet<>(member.values));
    }
    try (Admin admin = Admin.create(properties())) {
      admin.deleteConsumerGroups(List.of("java-sharing")).all().get();
      say("groups", admin.listConsumerGroups().all().get().size());
    }
  }

  private Member staticMember(String instance) {
    // Whoever leads the group is to see soon that its topic has grown.
    return new Member("java-static", "java-static", "group.instance.id", instance, "metadata.max.age.ms", 500);
  }

  /** Static members (KIP-345): they come back to what they had, lead as before (KIP-814), and fence their former selves. */
  private void stay() throws Exception {
    try (Admin admin = Admin.create(properties())) {
      admin.createTopics(List.of(new NewTopic("java-static", 4, (short) 1))).all().get();
      Member leader = staticMember("one");
      while (leader.assigned.size() != 4) leader.poll();
      Member other = staticMember("two");
      while (leader.assigned.size() != 2 || other.assigned.size() != 2) {
        leader.poll();
        other.poll();
      }
      int generation = leader.generation();
      Set<Integer> owned = new TreeSet<>(leader.assigned);
      int assignments = other.assignments;
      leader.close();
      Member returned = staticMember("one");
      while (returned.assigned.isEmpty()) {
        returned.poll();
        other.poll();
      }
      boolean isSame = returned.generation() == generation && other.generation() == generation;
      say("returned", returned.assigned.equals(owned), "generation", isSame);
      say("assigned again", other.assignments - assignments);

      admin.createPartitions(Map.of("java-static", NewPartitions.increaseTo(6))).all().get();
      while (returned.assigned.size() != 3 || other.assigned.size() != 3) {
        returned.poll();
        other.poll();
      }
      say("grown", returned.assigned.size(), other.assigned.size());

      Member twin = staticMember("one");
      while (twin.assigned.isEmpty()) {
        twin.poll();
        other.poll();
      }
      try {
        for (;;) returned.poll();
      } catch (RuntimeException fenced) {
        say("fenced", fenced.getClass().getSimpleName());
      }
      say("twin", twin.assigned.size(), "members", instances(admin));

      returned.close();
      twin.close();
      other.close();
      say("closed", instances(admin));
      for (String instance : List.of("one", "two", "three")) {
        try {
          Set<MemberToRemove> members = Set.of(new MemberToRemove(instance));
          admin
              .removeMembersFromConsumerGroup("java-static", new RemoveMembersFromConsumerGroupOptions(members))
              .memberResult(new MemberToRemove(instance))
              .get();
          say("removed", instance, "left", instances(admin));
        } catch (ExecutionException refused) {
          say("removed", instance, refused.getCause().getClass().getSimpleName());
        }
      }
    }
  }

  private static Set<String> instances(Admin admin) throws Exception {
    Set<String> instances = new TreeSet<>();
    admin.describeConsumerGroups(List.of("java-static")).all().get().get("java-static").members()
        .forEach(member -> instances.add(member.groupInstanceId().orElse("none")));
    return instances;
  }

  private void transact() throws Exception {
    try (Admin admin = Admin.create(properties())) {
      admin.createTopics(List.of(new NewTopic("java-transactions", 2, (short) 1))).all().get();
    }
    try (KafkaProducer<String, String> producer = producer("transactional.id", "java-transaction")) {
      producer.initTransactions();
      for (String outcome : List.of("commit", "abort", "commit")) {
        producer.beginTransaction();
        for (int partition = 0; partition < 2; partition++) {
          producer.send(new ProducerRecord<>("java-transactions", partition, null, outcome));
        }
        // What was not sent yet would be dropped by an abort.
        producer.flush();
        if (outcome.equals("commit")) producer.commitTransaction();
        else producer.abortTransaction();
      }
    }
    for (String isolation : List.of("read_uncommitted", "read_committed")) {
      Map<String, Integer> seen = new TreeMap<>();
      try (KafkaConsumer<String, String> consumer = consumer("isolation.level", isolation)) {
        Map<TopicPartition, Long> ends = new HashMap<>();
        List<TopicPartition> partitions =
            List.of(new TopicPartition("java-transactions", 0), new TopicPartition("java-transactions", 1));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        ends.putAll(consumer.endOffsets(partitions));
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
          consumer.poll(Duration.ofMillis(100)).forEach(record -> seen.merge(record.value(), 1, Integer::sum));
        }
      }
      say(isolation, seen, Optional.of(seen.values().stream().mapToInt(Integer::intValue).sum()).get());
    }
  }
}
