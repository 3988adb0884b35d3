// Writes record batches with Apache Kafka's own classes, for test/unit/protocol/vectors, and reads batches back.
//
//   java -cp kafka-clients-3.7.0.jar:lz4-java.jar:snappy-java.jar:zstd-jni.jar:slf4j-api.jar BatchVectors.java write
//     prints one JSON object a line: how the batch was made, and its bytes in hexadecimal
//   java … BatchVectors.java read < lines
//     takes lines "name hex" and prints, for each record, what Kafka reads
//
// Values of the form "*n" stand for n bytes of a pattern that the test makes likewise.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.DefaultRecordBatch;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

public class BatchVectors {
    record Rec(long offset, long timestamp, String key, String value, String... headers) {}

    static final List<String> fields = new ArrayList<>();

    static byte[] bytes(String text) {
        if (text == null) return null;
        if (!text.startsWith("*")) return text.getBytes(StandardCharsets.UTF_8);
        byte[] pattern = new byte[Integer.parseInt(text.substring(1))];
        for (int i = 0; i < pattern.length; i++) pattern[i] = (byte) ((i % 61) ^ (i >>> 11));
        return pattern;
    }

    static String json(String text) {
        return text == null ? "null" : "\"" + text + "\"";
    }

    static String hex(ByteBuffer buffer) {
        StringBuilder text = new StringBuilder();
        ByteBuffer copy = buffer.duplicate();
        while (copy.hasRemaining()) text.append(String.format("%02x", copy.get()));
        return text.toString();
    }

    static void emit(String name, String options, List<Rec> records, ByteBuffer batch) {
        StringBuilder line = new StringBuilder("{\"name\":" + json(name) + "," + options + "\"records\":[");
        for (int i = 0; i < records.size(); i++) {
            Rec r = records.get(i);
            line.append(i == 0 ? "" : ",").append("{\"offset\":" + r.offset + ",\"timestampMs\":" + r.timestamp);
            line.append(",\"key\":" + json(r.key) + ",\"value\":" + json(r.value) + ",\"headers\":[");
            for (int h = 0; h < r.headers.length; h += 2)
                line.append(h == 0 ? "" : ",").append("[" + json(r.headers[h]) + "," + json(r.headers[h + 1]) + "]");
            line.append("]}");
        }
        System.out.println(line + "],\"hex\":\"" + hex(batch) + "\"}");
    }

    static void batch(String name, int magic, CompressionType codec, Long appendTime, long base, int leaderEpoch,
                      long pid, int epoch, int sequence, boolean transactional, List<Rec> records) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 17), (byte) magic, codec,
            appendTime == null ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME, base,
            appendTime == null ? -1L : appendTime, pid, (short) epoch, sequence, transactional, leaderEpoch);
        for (Rec r : records) {
            if (magic < 2) {
                builder.appendWithOffset(r.offset, magic == 0 ? -1L : r.timestamp, bytes(r.key), bytes(r.value));
                continue;
            }
            Header[] headers = new Header[r.headers.length / 2];
            for (int h = 0; h < headers.length; h++)
                headers[h] = new RecordHeader(r.headers[2 * h], bytes(r.headers[2 * h + 1]));
            builder.appendWithOffset(r.offset, r.timestamp, bytes(r.key), bytes(r.value), headers);
        }
        emit(name, "\"magic\":" + magic + ",\"codec\":\"" + codec.name + "\",\"appendTimeMs\":" + appendTime
            + ",\"baseOffset\":" + base + ",\"leaderEpoch\":" + leaderEpoch + ",\"producerId\":" + pid
            + ",\"producerEpoch\":" + epoch + ",\"baseSequence\":" + sequence + ",\"transactional\":" + transactional
            + ",", records, builder.build().buffer());
    }

    static void marker(String name, ControlRecordType type) {
        ByteBuffer marker = MemoryRecords.withEndTransactionMarker(77L, 1600000000000L, 9, 4000L, (short) 3,
            new EndTransactionMarker(type, 12)).buffer();
        emit(name, "\"marker\":\"" + type + "\",\"baseOffset\":77,\"leaderEpoch\":9,\"producerId\":4000,"
            + "\"producerEpoch\":3,\"timestampMs\":1600000000000,\"coordinatorEpoch\":12,", List.of(), marker);
    }

    static void write() {
        long t = 1600000000000L;
        List<Rec> mixed = List.of(
            new Rec(5, t, "key", "value"),
            new Rec(6, t - 12345, null, "no key", "header", "one", "header", null, "", "two"),
            new Rec(7, t + 3_000_000_000L, "tombstone", null),
            new Rec(8, t + 1, "", "", "ключ", "значение"));
        List<Rec> large = List.of(new Rec(0, t, "a", "*70000"), new Rec(1, t, "b", "*300"), new Rec(2, t, null, "*0"));
        List<Rec> plain = List.of(new Rec(10, t, "k1", "value one"), new Rec(11, t + 5, null, "value two"),
            new Rec(12, t - 5, "k3", null));
        for (CompressionType codec : CompressionType.values()) {
            batch("mixed " + codec.name, 2, codec, null, 5, 2, -1, -1, -1, false, mixed);
            if (codec != CompressionType.NONE)
                batch("large " + codec.name, 2, codec, null, 0, -1, -1, -1, -1, false, large);
            batch("log append time " + codec.name, 2, codec, t + 99, 10, 0, -1, -1, -1, false, plain);
            if (codec == CompressionType.ZSTD) continue;
            batch("magic 1 " + codec.name, 1, codec, null, 10, -1, -1, -1, -1, false, plain);
            batch("magic 0 " + codec.name, 0, codec, null, 10, -1, -1, -1, -1, false, plain);
        }
        batch("magic 1 log append time none", 1, CompressionType.NONE, t + 99, 10, -1, -1, -1, -1, false, plain);
        batch("magic 1 log append time gzip", 1, CompressionType.GZIP, t + 99, 10, -1, -1, -1, -1, false, plain);
        batch("idempotent", 2, CompressionType.NONE, null, 10, 4, 123456789012L, 7, 2147483646, false, plain);
        batch("transactional", 2, CompressionType.NONE, null, 10, 4, 1000, 0, 0, true, plain);
        batch("gaps", 2, CompressionType.NONE, null, 10, 4, -1, -1, -1, false,
            List.of(new Rec(10, t, "a", "a"), new Rec(15, t, "b", "b"), new Rec(300, t, "c", "c")));
        batch("no timestamp", 2, CompressionType.NONE, null, 0, -1, -1, -1, -1, false,
            List.of(new Rec(0, -1, "a", "a"), new Rec(1, -1, "b", "b")));
        marker("commit marker", ControlRecordType.COMMIT);
        marker("abort marker", ControlRecordType.ABORT);
        ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 1000L, (short) 2, 40, 20L, 29L, 3,
            TimestampType.CREATE_TIME, t, true, false);
        empty.flip();
        emit("empty", "\"baseOffset\":20,\"lastOffset\":29,\"leaderEpoch\":3,\"producerId\":1000,"
            + "\"producerEpoch\":2,\"baseSequence\":40,\"maxTimestampMs\":1600000000000,", List.of(), empty);
    }

    static void read() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String name = line.substring(0, line.indexOf(' '));
            String text = line.substring(line.indexOf(' ') + 1);
            byte[] bytes = new byte[text.length() / 2];
            for (int i = 0; i < bytes.length; i++)
                bytes[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
            StringBuilder out = new StringBuilder(name);
            try {
                for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches()) {
                    batch.ensureValid();
                    for (Record r : batch) {
                        java.util.zip.CRC32 crc = new java.util.zip.CRC32();
                        if (r.hasKey()) crc.update(r.key());
                        crc.update(0);
                        if (r.hasValue()) crc.update(r.value());
                        out.append(" ").append(r.offset()).append("/").append(r.timestamp()).append("/")
                            .append(r.keySize()).append("/").append(r.valueSize()).append("/")
                            .append(r.headers().length).append("/").append(Long.toHexString(crc.getValue()));
                    }
                }
            } catch (Exception e) {
                out.append(" ").append(e);
            }
            System.out.println(out);
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write();
        else read();
    }
}
