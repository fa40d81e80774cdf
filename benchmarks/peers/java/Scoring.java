import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/** The likeliest category of a text and its share, by the very files that `services.classify` serves from. */
public final class Scoring implements Side.Decide {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LONGEST_TEXT = 10_000;

  private final HuggingFaceTokenizer tokenizer;
  private final OrtEnvironment environment;
  private final OrtSession session;
  private final String[] labels;
  private final JsonNode line;
  private final long tokens;
  private final Map<Long, Integer> pairs = new HashMap<>();

  public Scoring(String models) throws IOException, OrtException {
    Path directory = Path.of(models, "shipped");
    tokenizer = HuggingFaceTokenizer.newInstance(
        directory.resolve("tokenizer.json"),
        Map.of("addSpecialTokens", "false", "padding", "false", "truncation", "true", "maxLength", "384"));
    tokens = JSON.readTree(directory.resolve("tokenizer.json").toFile()).get("model").get("vocab").size();
    environment = OrtEnvironment.getEnvironment();
    environment.setTelemetry(false);
    OrtSession.SessionOptions options = new OrtSession.SessionOptions();
    options.setIntraOpNumThreads(1);
    options.setInterOpNumThreads(1);
    session = environment.createSession(directory.resolve("model.onnx").toString(), options);
    JsonNode known = JSON.readTree(directory.resolve("labels.json").toFile());
    line = known.get("confidence");
    JsonNode names = known.get("labels");
    labels = new String[names.size()];
    for (int place = 0; place < labels.length; place++) {
      labels[place] = names.get(place).textValue();
    }
    readPairs(directory.resolve("pairs.npy"));
  }

  @Override
  public ObjectNode decide(ObjectNode event) {
    JsonNode report = event.get("report");
    JsonNode said = report.get("text");
    String text = said == null ? "" : said.textValue();
    float[] shares = shares(text.length() > LONGEST_TEXT ? text.substring(0, LONGEST_TEXT) : text);
    int best = 0;
    for (int place = 1; place < shares.length; place++) {
      if (shares[place] > shares[best]) {
        best = place;
      }
    }
    ObjectNode made = JSON.createObjectNode();
    made.set("report", report);
    return made.put("service_code", labels[best]).put("share", honest(shares[best]));
  }

  /** Move a share along the model's line: of guesses so sure, so many were right. */
  private double honest(double share) {
    for (int place = 1; place < line.size(); place++) {
      double from = line.get(place - 1).get(0).doubleValue();
      double until = line.get(place).get(0).doubleValue();
      if (share <= until) {
        double low = line.get(place - 1).get(1).doubleValue();
        return low + (share - from) / (until - from) * (line.get(place).get(1).doubleValue() - low);
      }
    }
    return share;
  }

  private float[] shares(String text) {
    TreeMap<Integer, Integer> counts = new TreeMap<>();
    long before = -1;
    for (long id : tokenizer.encode(text, false, false).getIds()) {
      if (id > 0) {
        counts.merge((int) id, 1, Integer::sum);
      }
      Integer row = before < 0 ? null : pairs.get(before * tokens + id);
      if (row != null) {
        counts.merge(row, 1, Integer::sum);
      }
      before = id;
    }
    int size = Math.max(1, counts.size());
    int[] rows = new int[size];
    float[] weights = new float[size];
    int place = 0;
    for (Map.Entry<Integer, Integer> each : counts.entrySet()) {
      rows[place] = each.getKey();
      weights[place++] = (float) (1.0 + Math.log(each.getValue()));
    }
    long[] shape = {1, size};
    try (OnnxTensor ids = OnnxTensor.createTensor(environment, IntBuffer.wrap(rows), shape);
        OnnxTensor weighed = OnnxTensor.createTensor(environment, FloatBuffer.wrap(weights), shape);
        OrtSession.Result result = session.run(Map.of("ids", ids, "weights", weighed))) {
      return ((float[][]) result.get(0).getValue())[0];
    } catch (OrtException error) {
      throw new IllegalStateException(error);
    }
  }

  /** Reads numpy's own format, version 1: rising int64, and no other. */
  private void readPairs(Path path) {
    try {
      ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
      int length = content.getShort(8);
      String head = new String(content.array(), 10, length, StandardCharsets.US_ASCII);
      if (!head.contains("'<i8'")) {
        throw new IllegalArgumentException(path + " does not hold int64: " + head);
      }
      content.position(10 + length);
      for (int place = 0; content.hasRemaining(); place++) {
        pairs.put(content.getLong(), (int) tokens + place);
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
