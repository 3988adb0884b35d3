import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.MemoryRecords;

/**
 * Makes test vectors with Apache Kafka's own generated classes: for every message in the jars on the class path,
 * every version of it and several flavours of content, one line of JSON with the values that were set and the bytes
 * that the class wrote.
 *
 * Arguments: the output directory. Lines: {"name", "version", "flavour", "value", "bytes"}, bytes in base64.
 * In values, int64 are strings, bytes and records base64; a field that is not set stands at its default.
 */
public final class MessageVectors {
    private static final ObjectMapper MAPPER = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    private static final int MANY = 200;

    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.%sData",
        "org.apache.kafka.common.message.%s",
        "org.apache.kafka.common.metadata.%s",
        "org.apache.kafka.coordinator.group.generated.%s",
        "org.apache.kafka.raft.generated.%s",
        "kafka.internals.generated.%s",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.%s",
    };

    enum Flavour { ZERO, FULL, NULLS, EMPTY, EDGE, MANY_ELEMENTS }

    public static void main(String[] arguments) throws Exception {
        File output = new File(arguments[0]);
        TreeMap<String, JsonNode> schemas = new TreeMap<>();
        for (String element : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (new File(element).getName().matches("kafka.*\\.jar")) {
                collect(new JarFile(element), schemas);
            }
        }
        Map<String, Writer> writers = new HashMap<>();
        int count = 0;
        for (JsonNode schema : schemas.values()) {
            String name = schema.get("name").asText();
            Class<?> type = find(name);
            int[] valid = range(schema.get("validVersions").asText());
            for (int version = valid[0]; version <= valid[1]; version++) {
                for (Flavour flavour : Flavour.values()) {
                    if (flavour == Flavour.MANY_ELEMENTS && version != valid[1] && version != valid[0]) {
                        continue;
                    }
                    String line = new MessageVectors(schema, type, (short) version, flavour).line(name);
                    Writer writer = writers.get(fileOf(schema));
                    if (writer == null) {
                        File file = new File(output, fileOf(schema) + ".jsonl.gz");
                        writer = new OutputStreamWriter(
                            new GZIPOutputStream(new FileOutputStream(file)), StandardCharsets.UTF_8);
                        writers.put(fileOf(schema), writer);
                    }
                    writer.write(line + "\n");
                    count++;
                }
            }
        }
        for (Writer writer : writers.values()) {
            writer.close();
        }
        System.out.println(schemas.size() + " messages, " + count + " vectors");
    }

    private static void collect(JarFile jar, Map<String, JsonNode> schemas) throws Exception {
        Enumeration<JarEntry> entries = jar.entries();
        while (entries.hasMoreElements()) {
            JarEntry entry = entries.nextElement();
            if (entry.getName().matches("(common/)?(message|metadata)/[A-Za-z]+\\.json")) {
                try (InputStream stream = jar.getInputStream(entry)) {
                    JsonNode schema = MAPPER.readTree(stream);
                    schemas.put(schema.get("name").asText(), schema);
                }
            }
        }
    }

    private static String fileOf(JsonNode schema) {
        switch (schema.get("type").asText()) {
            case "request":
            case "response":
                return "api-" + String.format("%02d", schema.get("apiKey").asInt());
            case "metadata":
                return "metadata-records";
            default:
                return "other";
        }
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String pattern : PACKAGES) {
            try {
                return Class.forName(String.format(pattern, name));
            } catch (ClassNotFoundException e) {
                // The next package may have it.
            }
        }
        throw new ClassNotFoundException(name);
    }

    private static int[] range(String text) {
        if (text.equals("none")) {
            return new int[] {Integer.MAX_VALUE, Integer.MIN_VALUE};
        }
        if (text.endsWith("+")) {
            return new int[] {Integer.parseInt(text.substring(0, text.length() - 1)), Integer.MAX_VALUE};
        }
        String[] ends = text.split("-");
        return new int[] {Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1])};
    }

    private static boolean in(JsonNode versions, int version) {
        if (versions == null) {
            return false;
        }
        int[] range = range(versions.asText());
        return version >= range[0] && version <= range[1];
    }

    private final JsonNode schema;
    private final Class<?> type;
    private final short version;
    private final Flavour flavour;
    /** Makes neighbouring values differ, so that swapped fields show. */
    private int counter = 1;

    private MessageVectors(JsonNode schema, Class<?> type, short version, Flavour flavour) {
        this.schema = schema;
        this.type = type;
        this.version = version;
        this.flavour = flavour;
    }

    private String line(String name) throws Exception {
        ObjectNode value = MAPPER.createObjectNode();
        Message message = (Message) fill(type, schema.get("fields"), value, 0);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer bytes = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(bytes), cache, version);
        if (bytes.hasRemaining()) {
            throw new IllegalStateException(name + " wrote less than its size");
        }
        bytes.flip();
        Message back = (Message) type.getConstructor().newInstance();
        back.read(new ByteBufferAccessor(bytes.duplicate()), version);
        if (!back.equals(message)) {
            throw new IllegalStateException(name + " v" + version + " " + flavour + " does not read what it wrote");
        }
        ObjectNode line = MAPPER.createObjectNode();
        line.put("name", name);
        line.put("version", version);
        line.put("flavour", flavour.name().toLowerCase().replace('_', '-'));
        line.set("value", value);
        line.put("bytes", Base64.getEncoder().encodeToString(bytes.array()));
        return MAPPER.writeValueAsString(line);
    }

    private Object fill(Class<?> structType, JsonNode fields, ObjectNode json, int depth) throws Exception {
        Object struct = structType.getConstructor().newInstance();
        for (JsonNode field : fields) {
            if (!in(field.get("versions"), version)) {
                continue;
            }
            boolean tagged = field.has("tag");
            if (tagged && (flavour == Flavour.ZERO || flavour == Flavour.NULLS)) {
                continue;
            }
            String name = field.get("name").asText();
            String jsonName = Character.toLowerCase(name.charAt(0)) + name.substring(1);
            Method setter = setter(structType, name);
            Object value = make(field, setter.getParameterTypes()[0], json, jsonName, depth);
            setter.invoke(struct, value);
        }
        return struct;
    }

    private static Method setter(Class<?> structType, String name) throws NoSuchMethodException {
        String wanted = "set" + Character.toUpperCase(name.charAt(0)) + name.substring(1);
        for (Method method : structType.getMethods()) {
            if (method.getName().equals(wanted) && method.getParameterCount() == 1) {
                return method;
            }
        }
        throw new NoSuchMethodException(structType + " " + wanted);
    }

    private Object make(JsonNode field, Class<?> parameter, ObjectNode json, String name, int depth) throws Exception {
        String wire = field.get("type").asText();
        if (flavour == Flavour.NULLS && in(field.get("nullableVersions"), version)) {
            json.putNull(name);
            return null;
        }
        if (!wire.startsWith("[]")) {
            Object[] pair = single(wire, field, parameter, depth);
            json.set(name, (JsonNode) pair[1]);
            return pair[0];
        }
        String element = wire.substring(2);
        @SuppressWarnings("unchecked")
        Collection<Object> list = List.class.isAssignableFrom(parameter)
            ? new ArrayList<>()
            : (Collection<Object>) parameter.getConstructor().newInstance();
        ArrayNode array = json.putArray(name);
        int length = elements(depth);
        for (int i = 0; i < length; i++) {
            Object[] pair = single(element, field, null, depth + 1);
            list.add(pair[0]);
            array.add((JsonNode) pair[1]);
        }
        return list;
    }

    private int elements(int depth) {
        switch (flavour) {
            case EMPTY:
                return 0;
            case ZERO:
            case EDGE:
                return 1;
            case MANY_ELEMENTS:
                return depth == 0 ? MANY : 1;
            default:
                return 2;
        }
    }

    /** The value for a setter or list, and the JSON of it. */
    private Object[] single(String wire, JsonNode field, Class<?> parameter, int depth) throws Exception {
        long n = counter++;
        switch (wire) {
            case "bool": {
                boolean value = flavour != Flavour.ZERO && n % 2 == 1;
                return new Object[] {value, MAPPER.getNodeFactory().booleanNode(value)};
            }
            case "int8": {
                byte value = (byte) integer(n, Byte.MIN_VALUE, Byte.MAX_VALUE);
                return new Object[] {value, MAPPER.getNodeFactory().numberNode(value)};
            }
            case "int16": {
                short value = (short) integer(n, Short.MIN_VALUE, Short.MAX_VALUE);
                return new Object[] {value, MAPPER.getNodeFactory().numberNode(value)};
            }
            case "uint16": {
                int value = (int) integer(n, 0, 65535);
                return new Object[] {value, MAPPER.getNodeFactory().numberNode(value)};
            }
            case "int32": {
                int value = (int) integer(n * 1_000_003, Integer.MIN_VALUE, Integer.MAX_VALUE);
                return new Object[] {value, MAPPER.getNodeFactory().numberNode(value)};
            }
            case "int64": {
                long value = integer(n * 1_000_000_007L, Long.MIN_VALUE, Long.MAX_VALUE);
                return new Object[] {value, MAPPER.getNodeFactory().textNode(Long.toString(value))};
            }
            case "float64": {
                double value = flavour == Flavour.ZERO ? 0 : n / 8.0;
                return new Object[] {value, MAPPER.getNodeFactory().numberNode(value)};
            }
            case "string": {
                String value = text(n);
                return new Object[] {value, MAPPER.getNodeFactory().textNode(value)};
            }
            case "uuid": {
                Uuid value = flavour == Flavour.ZERO ? Uuid.ZERO_UUID : new Uuid(n * 0x1234567890ABCDEFL, -n);
                return new Object[] {value, MAPPER.getNodeFactory().textNode(value.toString())};
            }
            case "bytes":
            case "records": {
                byte[] value = bytes(n);
                JsonNode json = MAPPER.getNodeFactory().textNode(Base64.getEncoder().encodeToString(value));
                if (wire.equals("records")) {
                    return new Object[] {MemoryRecords.readableRecords(ByteBuffer.wrap(value)), json};
                }
                boolean buffer = parameter != null && parameter.isAssignableFrom(ByteBuffer.class);
                return new Object[] {buffer ? ByteBuffer.wrap(value) : value, json};
            }
            default: {
                ObjectNode json = MAPPER.createObjectNode();
                Class<?> nested = Class.forName(type.getName() + "$" + wire);
                JsonNode fields = field.has("fields") ? field.get("fields") : commonStruct(wire);
                return new Object[] {fill(nested, fields, json, depth), json};
            }
        }
    }

    private JsonNode commonStruct(String name) {
        for (JsonNode struct : schema.get("commonStructs")) {
            if (struct.get("name").asText().equals(name)) {
                return struct.get("fields");
            }
        }
        throw new IllegalArgumentException(name);
    }

    private long integer(long n, long min, long max) {
        switch (flavour) {
            case ZERO:
                return 0;
            case EDGE:
                return n % 2 == 0 ? min : max;
            default:
                return max == Byte.MAX_VALUE || max == Short.MAX_VALUE || max == 65535 ? n % max : n;
        }
    }

    private String text(long n) {
        switch (flavour) {
            case ZERO:
            case EMPTY:
                return "";
            case EDGE:
                // Lengths around the limits of one and two varint bytes, and characters of one to four bytes.
                switch ((int) (n % 5)) {
                    case 0:
                        return "a".repeat(126);
                    case 1:
                        return "b".repeat(127);
                    case 2:
                        return "\u017c\u00f3\u0142\u0107".repeat(9) + "-" + n;
                    case 3:
                        return "\u65e5\u672c\ud83d\ude00" + n;
                    default:
                        return "c".repeat(n % 3 == 0 ? 16384 : 300);
                }
            default:
                return "text-" + n;
        }
    }

    private byte[] bytes(long n) {
        int length = flavour == Flavour.ZERO || flavour == Flavour.EMPTY ? 0 : flavour == Flavour.EDGE ? 1500 : 9;
        byte[] value = new byte[length];
        for (int i = 0; i < length; i++) {
            value[i] = (byte) (n + i * 37L);
        }
        return value;
    }
}
