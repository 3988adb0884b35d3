// Writes a producer snapshot with Apache Kafka's ProducerStateManager, for test/unit/storage/producer-state.test.ts.
//
//   java -cp kafka-storage-3.7.0.jar:kafka-server-common-3.7.0.jar:kafka-clients-3.7.0.jar:slf4j-api.jar:… \
//     ProducerSnapshotVectors.java      prints the file's bytes in hexadecimal
//   java … ProducerSnapshotVectors.java <file>      prints what Kafka reads from a snapshot file

import java.io.File;
import java.nio.file.Files;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogOffsetMetadata;
import org.apache.kafka.storage.internals.log.ProducerAppendInfo;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;

public class ProducerSnapshotVectors {
    public static void main(String[] args) throws Exception {
        if (args.length == 1) {
            for (ProducerStateEntry entry : ProducerStateManager.readSnapshot(new File(args[0])))
                System.out.println(entry);
            return;
        }
        File dir = Files.createTempDirectory("snapshot").toFile();
        ProducerStateManager manager = new ProducerStateManager(new TopicPartition("orders", 0), dir, 900000,
            new ProducerStateManagerConfig(86400000, false), Time.SYSTEM);
        long t = 1600000000000L;
        data(manager, 1000, 0, 0, 4, t, 10, 14, false);
        data(manager, 1000, 0, 5, 5, t + 1, 15, 15, false);
        data(manager, 1001, 3, 2147483646, 1, t + 2, 16, 19, true);
        data(manager, 1002, 1, 0, 0, t + 3, 20, 20, true);
        ProducerAppendInfo marker = manager.prepareUpdate(1002, AppendOrigin.REPLICATION);
        marker.appendEndTxnMarker(new EndTransactionMarker(ControlRecordType.COMMIT, 12), (short) 1, 21, t + 4)
            .ifPresent(done -> { manager.update(marker); manager.completeTxn(done); });
        ProducerAppendInfo only = manager.prepareUpdate(1003, AppendOrigin.REPLICATION);
        only.appendEndTxnMarker(new EndTransactionMarker(ControlRecordType.ABORT, 13), (short) 7, 22, t + 5);
        manager.update(only);
        manager.updateMapEndOffset(23);
        manager.takeSnapshot();
        StringBuilder text = new StringBuilder();
        for (byte b : Files.readAllBytes(new File(dir, "00000000000000000023.snapshot").toPath()))
            text.append(String.format("%02x", b));
        System.out.println(text);
    }

    static void data(ProducerStateManager manager, long id, int epoch, int first, int last, long timestamp, long from,
                     long to, boolean transactional) {
        ProducerAppendInfo info = manager.prepareUpdate(id, AppendOrigin.REPLICATION);
        info.appendDataBatch((short) epoch, first, last, timestamp, new LogOffsetMetadata(from), to, transactional);
        manager.update(info);
    }
}
