package io.sparkstalk.udf;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Bytes on their way into a guest's memory, little-endian. */
final class Buffer {
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    byte[] bytes = new byte[256];
    int length;

    private int room(int n) {
        int at = length;
        if (n > Integer.MAX_VALUE - 64 - at) {
            throw new IllegalArgumentException("the arguments take more than 2 GiB");
        }
        if (at + n > bytes.length) {
            bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 64, Math.max((long) at + n, 2L * bytes.length)));
        }
        length = at + n;
        return at;
    }

    void putByte(int v) {
        int at = room(1);
        bytes[at] = (byte) v;
    }

    void putShort(int v) {
        int at = room(2);
        SHORT.set(bytes, at, (short) v);
    }

    void putInt(int v) {
        int at = room(4);
        INT.set(bytes, at, v);
    }

    void putLong(long v) {
        int at = room(8);
        LONG.set(bytes, at, v);
    }

    void put(byte[] v) {
        int at = room(v.length);
        System.arraycopy(v, 0, bytes, at, v.length);
    }
}
