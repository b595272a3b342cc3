import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What the tests of the jvm executor run. The first argument says what becomes of it. */
public class Program {
  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "exit" -> System.exit(Integer.parseInt(arguments[1]));
      case "tell" -> {
        Runtime runtime = Runtime.getRuntime();
        System.out.println("release " + Runtime.version().feature());
        System.out.println("heap " + runtime.maxMemory() / 1024 / 1024);
        System.out.println("cpus " + runtime.availableProcessors());
        System.out.println("home " + System.getenv("JAVA_HOME"));
        System.out.println("property " + System.getProperty("color"));
        System.out.println("arguments " + String.join("|", arguments));
      }
      case "heap" -> {
        List<byte[]> hoard = new ArrayList<>();
        while (true) hoard.add(new byte[1 << 20]);
      }
      case "native" -> {
        List<java.nio.ByteBuffer> hoard = new ArrayList<>();
        while (true) {
          java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(1 << 20);
          for (int at = 0; at < buffer.capacity(); at += 4096) buffer.put(at, (byte) 1);
          hoard.add(buffer);
        }
      }
      case "crash" -> {
        var field = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        field.setAccessible(true);
        ((sun.misc.Unsafe) field.get(null)).putAddress(0, 0);
      }
      case "script" -> script(arguments[1]);
      case "await" -> {
        while (!Files.exists(Path.of(arguments[1]))) Thread.sleep(50);
        System.exit(Integer.parseInt(arguments[2]));
      }
      case "wait" -> {
        System.out.println("waiting");
        Thread.sleep(600_000);
      }
    }
  }

  /** As a shell would, as far as the executors' common tests go: commands in a row, of `exit`, `sleep`, `echo` and `trap '' TERM`. */
  private static void script(String commands) throws Exception {
    for (String command : commands.split("; *")) {
      String[] words = command.split(" ");
      switch (words[0]) {
        case "exit" -> System.exit(Integer.parseInt(words[1]));
        case "sleep" -> Thread.sleep((long) (1000 * Double.parseDouble(words[1])));
        case "echo" -> System.out.println(words[1]);
        case "trap" -> sun.misc.Signal.handle(new sun.misc.Signal("TERM"), sun.misc.SignalHandler.SIG_IGN);
        default -> throw new IllegalArgumentException(command);
      }
    }
  }
}
