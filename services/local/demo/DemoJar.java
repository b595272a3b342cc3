import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** The demo's JVM service: says on PORT0 which task it is. Ends cleanly, with exit code 0, on SIGTERM. */
public final class DemoJar {
  public static void main(String[] args) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(port()), 0);
    server.createContext("/", DemoJar::answer);
    server.start();
    System.out.println("listening on port " + server.getAddress().getPort() + " with Java " + javaVersion());

    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  server.stop(0);
                  System.out.println("stopped");
                  System.out.flush();
                  // Without this the JVM reports 143, which nobody can tell from being killed.
                  Runtime.getRuntime().halt(0);
                }));
  }

  private static void answer(HttpExchange exchange) throws IOException {
    byte[] body = body().getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(200, exchange.getRequestMethod().equals("HEAD") ? -1 : body.length);
    if (!exchange.getRequestMethod().equals("HEAD")) exchange.getResponseBody().write(body);
    exchange.close();
  }

  private static String body() {
    return String.format(
        "{\"task\":%s,\"app\":%s,\"java\":%s}%n",
        quoted(System.getenv("EMPORION_TASK_ID")), quoted(System.getenv("EMPORION_APP_ID")), quoted(javaVersion()));
  }

  private static String javaVersion() {
    return System.getProperty("java.version");
  }

  private static int port() {
    String text = System.getenv("PORT0");
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      System.err.println("PORT0: expected a port number, found " + (text == null ? "nothing" : text));
      System.exit(64);
      throw e;
    }
  }

  private static String quoted(String text) {
    if (text == null) return "null";
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
