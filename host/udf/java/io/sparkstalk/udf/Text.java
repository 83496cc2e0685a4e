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
        int last = b.length - 8;
        if (last < 0) {
            return shortAscii(b);
        }
        for (int i = 0; i < last; i += 8) {
            if (((long) LONG.get(b, i) & NOT_ASCII) != 0) {
                return false;
            }
        }
        return ((long) LONG.get(b, last) & NOT_ASCII) == 0; // it may have some of those before it
    }

    private static boolean shortAscii(byte[] b) {
        int all = 0;
        for (byte one : b) {
            all |= one;
        }
        return all >= 0;
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
