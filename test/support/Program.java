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
      case "wait" -> {
        System.out.println("waiting");
        Thread.sleep(600_000);
      }
    }
  }
}
