import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/** Kafka Streams: one processor between two topics, exactly once; JSON by Jackson's tree. */
public final class Side {
  /** Makes the event of the target from the event of the source. */
  interface Decide {
    ObjectNode decide(ObjectNode event);
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  /** As its documentation advises for throughput: longer commits, larger batches and polls, compression. */
  private static Map<String, Object> tuning() {
    Map<String, Object> tuning = new TreeMap<>();
    tuning.put("processing.guarantee", "exactly_once_v2");
    tuning.put("commit.interval.ms", Integer.getInteger("side.commit", 100));
    tuning.put("num.stream.threads", Integer.getInteger("side.threads", 1));
    tuning.put("producer.compression.type", "lz4");
    tuning.put("producer.linger.ms", 5);
    tuning.put("producer.batch.size", 1_000_000);
    tuning.put("producer.buffer.memory", 64_000_000);
    tuning.put("consumer.max.poll.records", 5000);
    tuning.put("consumer.fetch.max.wait.ms", 100);
    tuning.put("consumer.max.partition.fetch.bytes", 4_194_304);
    return tuning;
  }

  public static void main(String[] arguments) throws Exception {
    JsonNode job = JSON.readTree(arguments[0]);
    Map<String, Object> tuning = tuning();
    tell(job, tuning);

    Properties settings = new Properties();
    settings.putAll(tuning);
    settings.put("application.id", job.get("group").asText());
    settings.put("bootstrap.servers", job.get("bootstrap").asText());
    settings.put("state.dir", job.get("state").asText());
    settings.put("consumer.auto.offset.reset", "earliest");

    Decide decide = decide(job);
    Serde<byte[]> bytes = Serdes.ByteArray();
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(job.get("source").asText(), Consumed.with(bytes, bytes))
        .process(() -> new Step(decide, job.get("group").asText(), job.get("target").asText()))
        .to(job.get("target").asText(), Produced.with(bytes, bytes));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      streams.close(Duration.ofSeconds(10));
      stopped.countDown();
    }));
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
          .SHUTDOWN_CLIENT;
    });
    streams.start();
    stopped.await();
  }

  private static Decide decide(JsonNode job) throws ReflectiveOperationException {
    if (job.get("task").asText().equals("passthrough")) {
      return event -> JSON.createObjectNode().setAll(event);
    }
    // Named only here: its libraries are large, and who only passes on has no need of them.
    return (Decide) Class.forName("Scoring").getConstructor(String.class).newInstance(job.get("models").asText());
  }

  private static void tell(JsonNode job, Map<String, Object> tuning) throws Exception {
    ObjectNode told = JSON.createObjectNode();
    told.putObject("versions")
        .put("kafka-streams", AppInfoParser.getVersion())
        .put("jackson", com.fasterxml.jackson.databind.cfg.PackageVersion.VERSION.toString())
        .put("java", System.getProperty("java.version"));
    told.set("settings", JSON.valueToTree(tuning));
    told.put("guarantee", "exactly once");
    told.put("at_a_time", "one");
    System.out.println(JSON.writeValueAsString(told));
    System.out.flush();
  }

  /** What becomes of one record. */
  private static final class Step extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
    private final Decide decide;
    private final byte[] source;
    private final byte[] type;

    Step(Decide decide, String group, String target) {
      this.decide = decide;
      this.source = utf8("/" + group);
      this.type = utf8("stormdrain." + target);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      try {
        ObjectNode made = decide.decide((ObjectNode) JSON.readTree(record.value()));
        JsonNode report = made.get("report");
        String request = report.get("request_id").textValue();
        String key = made.has("routing") ? made.get("classification").get("family").textValue() : request;
        context().forward(new Record<>(
            utf8(key), JSON.writeValueAsBytes(made), record.timestamp(), headers(record.headers(), request)));
      } catch (java.io.IOException error) {
        throw new java.io.UncheckedIOException(error);
      }
    }

    private Headers headers(Headers old, String request) {
      String parent = new String(old.lastHeader("traceparent").value(), StandardCharsets.US_ASCII);
      long span = ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE);
      String trace = parent.substring(0, 36) + HexFormat.of().toHexDigits(span) + parent.substring(52);
      return new RecordHeaders()
          .add("ce_specversion", utf8("1.0"))
          .add("ce_source", source)
          .add("ce_type", type)
          .add("content-type", utf8("application/json; charset=utf-8"))
          .add("ce_id", utf8(request + ".made"))
          .add("ce_time", utf8(Instant.now().toString()))
          .add("traceparent", utf8(trace));
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
