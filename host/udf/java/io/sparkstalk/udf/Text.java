package io.sparkstalk.udf;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

import org.apache.spark.unsafe.types.UTF8String;

/**
 * Text between Spark and guests, which both have it as UTF-8. Going by way of Java's strings would decode and encode it
 * each time; only text that is not all ASCII does, since a guest and a file may have bytes that are not UTF-8.
 */
final class Text {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long NOT_ASCII = 0x8080808080808080L;

    private Text() {}

    private static boolean ascii(byte[] b) {
        int i = 0;
        for (; i <= b.length - 8; i += 8) {
            if (((long) LONG.get(b, i) & NOT_ASCII) != 0) {
                return false;
            }
        }
        for (; i < b.length; i++) {
            if (b[i] < 0) {
                return false;
            }
        }
        return true;
    }

    /** What a guest gets: bytes that are not UTF-8 become U+FFFD. */
    static byte[] toGuest(byte[] utf8) {
        return ascii(utf8) ? utf8 : new String(utf8, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8);
    }

    /** What Spark gets, which takes either. */
    static Object toSpark(byte[] utf8) {
        return ascii(utf8) ? UTF8String.fromBytes(utf8) : new String(utf8, StandardCharsets.UTF_8);
    }
}
