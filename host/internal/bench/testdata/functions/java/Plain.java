import org.apache.spark.sql.api.java.UDF1;

/** The functions of the measurement in Java itself: what Spark's way to call a Java function costs without WASM. */
public final class Plain {
    private Plain() {}

    public static final class Triple implements UDF1<Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long call(Long n) {
            return n == null ? null : 3 * n + 7;
        }
    }

    /** Counts the letters a, e, i, o and u. */
    public static final class Vowels implements UDF1<String, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long call(String text) {
            if (text == null) {
                return null;
            }
            long n = 0;
            for (int i = 0; i < text.length(); i++) {
                switch (text.charAt(i)) {
                    case 'a':
                    case 'e':
                    case 'i':
                    case 'o':
                    case 'u':
                        n++;
                        break;
                    default:
                }
            }
            return n;
        }
    }
}
