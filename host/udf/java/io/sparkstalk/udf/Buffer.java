package io.sparkstalk.udf;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

import run.endive.runtime.Machine;

/** Arguments, written little-endian to where a guest wants them: {@link #EXPORT} says where that is. */
final class Buffer {
    private static final String EXPORT = "sparkstalk_udf_buffer";
    private static final int MOST = Integer.MAX_VALUE - 64;
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final FlatMemory memory;
    private final Machine machine;
    private final int ask;
    /** The guest's memory, until the guest runs. */
    private byte[] bytes;
    private int place;
    private int capacity;
    private int at;
    private int end;

    Buffer(Guest guest) {
        memory = guest.memory;
        machine = guest.machine;
        ask = guest.export(EXPORT);
    }

    /** Begins with the arguments of another call. */
    void begin() {
        if (memory != null) {
            bytes = memory.bytes();
        }
        at = place;
        end = place + capacity;
    }

    /** Where the arguments are. It changes as they grow. */
    int place() {
        return place;
    }

    int length() {
        return at - place;
    }

    private int room(int n) {
        if (n > end - at) {
            grow(n);
        }
        int from = at;
        at = from + n;
        return from;
    }

    private void grow(int n) {
        int length = length();
        if (n > MOST - length) {
            throw new IllegalArgumentException("the arguments take more than 2 GiB");
        }
        if (ask < 0 || memory == null) {
            throw new Guest.Failure("the module has no export " + EXPORT);
        }
        byte[] written = Arrays.copyOfRange(bytes, place, at);
        int more = (int) Math.min(MOST, Math.max((long) length + n, Math.max(256, 2L * capacity)));
        int to = (int) machine.call(ask, new long[] {more})[0];
        bytes = memory.bytes();
        if (to < 0 || more > bytes.length - to) {
            throw new Guest.Failure(EXPORT + " gives " + more + " bytes at " + Integer.toUnsignedString(to) + ", which are not all memory");
        }
        System.arraycopy(written, 0, bytes, to, length);
        place = to;
        capacity = more;
        at = to + length;
        end = to + more;
    }

    void putByte(int v) {
        int to = room(1);
        bytes[to] = (byte) v;
    }

    void putShort(int v) {
        int to = room(2);
        SHORT.set(bytes, to, (short) v);
    }

    void putInt(int v) {
        int to = room(4);
        INT.set(bytes, to, v);
    }

    void putLong(long v) {
        int to = room(8);
        LONG.set(bytes, to, v);
    }

    /** Writes a whole number of a size with the mark of a value. */
    void putInteger(int size, long v) {
        int to = room(1 + size);
        bytes[to] = 1;
        switch (size) {
            case 1:
                bytes[to + 1] = (byte) v;
                break;
            case 2:
                SHORT.set(bytes, to + 1, (short) v);
                break;
            case 4:
                INT.set(bytes, to + 1, (int) v);
                break;
            default:
                LONG.set(bytes, to + 1, v);
        }
    }

    /** Writes bytes with their length before them. */
    void put(byte[] v) {
        if (v.length > MOST - 5) {
            throw new IllegalArgumentException("the arguments take more than 2 GiB");
        }
        int to = room(4 + v.length);
        INT.set(bytes, to, v.length);
        System.arraycopy(v, 0, bytes, to + 4, v.length);
    }

    /** Writes the same with the mark of a value. */
    void putBytes(byte[] v) {
        if (v.length > MOST - 5) {
            throw new IllegalArgumentException("the arguments take more than 2 GiB");
        }
        int to = room(5 + v.length);
        bytes[to] = 1;
        INT.set(bytes, to + 1, v.length);
        System.arraycopy(v, 0, bytes, to + 5, v.length);
    }
}
