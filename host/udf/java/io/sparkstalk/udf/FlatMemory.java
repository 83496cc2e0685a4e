package io.sparkstalk.udf;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

import run.endive.runtime.ConstantEvaluators;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.runtime.WasmRuntimeException;
import run.endive.wasm.UninstantiableException;
import run.endive.wasm.types.ActiveDataSegment;
import run.endive.wasm.types.DataSegment;
import run.endive.wasm.types.MemoryLimits;
import run.endive.wasm.types.PassiveDataSegment;

/**
 * A guest's memory in one array, which only the instance's thread uses. Endive's own are arrays of pages, of which each
 * access finds the page first; guests of Go keep their stack in memory, so that this is most of what they do. The price
 * is that the memory is copied as it grows.
 */
final class FlatMemory implements Memory {
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle FLOAT = MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle DOUBLE = MethodHandles.byteArrayViewVarHandle(double[].class, ByteOrder.LITTLE_ENDIAN);

    private final MemoryLimits limits;
    private DataSegment[] segments;
    private byte[] bytes;

    FlatMemory(MemoryLimits limits) {
        if (limits.shared()) {
            throw new IllegalStateException("the module's memory is shared between threads; an executor has one for each");
        }
        this.limits = limits;
        bytes = new byte[Memory.bytes(limits.initialPages())];
    }

    @Override
    public int pages() {
        return bytes.length / PAGE_SIZE;
    }

    @Override
    public int grow(int more) {
        int before = pages();
        int after = before + more;
        if (after < before || after > maximumPages()) {
            return -1;
        }
        try {
            bytes = Arrays.copyOf(bytes, after * PAGE_SIZE);
        } catch (OutOfMemoryError e) {
            return -1; // the guest's to bear, which would be the executor's end
        }
        return before;
    }

    @Override
    public int initialPages() {
        return limits.initialPages();
    }

    @Override
    public int maximumPages() {
        return Math.min(limits.maximumPages(), RUNTIME_MAX_PAGES);
    }

    @Override
    public boolean shared() {
        return false;
    }

    // Endive's atomic instructions are the plain ones under this lock, which one thread has for itself.

    @Override
    @SuppressWarnings("removal")
    public Object lock(int address) {
        return this;
    }

    @Override
    @SuppressWarnings("removal")
    public int waitOn(int address, int expected, long timeout) {
        throw new WasmRuntimeException("expected shared memory");
    }

    @Override
    @SuppressWarnings("removal")
    public int waitOn(int address, long expected, long timeout) {
        throw new WasmRuntimeException("expected shared memory");
    }

    @Override
    @SuppressWarnings("removal")
    public int notify(int address, int threads) {
        return 0;
    }

    @Override
    public void initialize(Instance instance, DataSegment[] segments) {
        this.segments = segments;
        if (segments == null) {
            return;
        }
        for (DataSegment s : segments) {
            if (!(s instanceof ActiveDataSegment)) {
                continue;
            }
            int at = (int) ConstantEvaluators.computeConstantValue(instance, ((ActiveDataSegment) s).offsetInstructions())[0];
            if (at < 0 || s.data().length > bytes.length - at) {
                throw new UninstantiableException(outside(at, s.data().length));
            }
            System.arraycopy(s.data(), 0, bytes, at, s.data().length);
        }
    }

    @Override
    public void initPassiveSegment(int segment, int to, int from, int n) {
        write(to, segments[segment].data(), from, n);
    }

    @Override
    public void drop(int segment) {
        segments[segment] = PassiveDataSegment.EMPTY;
    }

    /** The memory itself, until it grows. */
    byte[] bytes() {
        return bytes;
    }

    private String outside(int at, int n) {
        return "out of bounds memory access: attempted to access address: " + at + " but limit is: " + bytes.length + " and size: " + n;
    }

    private WasmRuntimeException trap(int at, int n) {
        return new WasmRuntimeException(outside(at, n));
    }

    private void check(int at, int n) {
        if ((at | n) < 0 || n > bytes.length - at) {
            throw trap(at, n);
        }
    }

    @Override
    public void write(int at, byte[] data, int from, int n) {
        check(at, n);
        if ((from | n) < 0 || n > data.length - from) {
            throw trap(from, n);
        }
        System.arraycopy(data, from, bytes, at, n);
    }

    @Override
    public byte[] readBytes(int at, int n) {
        check(at, n);
        return Arrays.copyOfRange(bytes, at, at + n);
    }

    @Override
    public String readString(int at, int n, java.nio.charset.Charset charset) {
        check(at, n);
        return new String(bytes, at, n, charset);
    }

    @Override
    public void fill(byte value, int from, int to) {
        check(from, to - from);
        Arrays.fill(bytes, from, to, value);
    }

    @Override
    public void zero() {
        Arrays.fill(bytes, (byte) 0);
    }

    @Override
    public void copy(int to, int from, int n) {
        check(to, n);
        check(from, n);
        System.arraycopy(bytes, from, bytes, to, n);
    }

    // Java checks each access anyway; catching what it says costs nothing while all is well.

    @Override
    public byte read(int at) {
        try {
            return bytes[at];
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 1);
        }
    }

    @Override
    public void writeByte(int at, byte v) {
        try {
            bytes[at] = v;
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 1);
        }
    }

    @Override
    public short readShort(int at) {
        try {
            return (short) SHORT.get(bytes, at);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 2);
        }
    }

    @Override
    public long readU16(int at) {
        return readShort(at) & 0xffff;
    }

    @Override
    public void writeShort(int at, short v) {
        try {
            SHORT.set(bytes, at, v);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 2);
        }
    }

    @Override
    public int readInt(int at) {
        try {
            return (int) INT.get(bytes, at);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 4);
        }
    }

    @Override
    public void writeI32(int at, int v) {
        try {
            INT.set(bytes, at, v);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 4);
        }
    }

    @Override
    public long readLong(int at) {
        try {
            return (long) LONG.get(bytes, at);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 8);
        }
    }

    @Override
    public void writeLong(int at, long v) {
        try {
            LONG.set(bytes, at, v);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 8);
        }
    }

    @Override
    public long readF32(int at) {
        return readInt(at);
    }

    @Override
    public float readFloat(int at) {
        try {
            return (float) FLOAT.get(bytes, at);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 4);
        }
    }

    @Override
    public void writeF32(int at, float v) {
        try {
            FLOAT.set(bytes, at, v);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 4);
        }
    }

    @Override
    public long readF64(int at) {
        return readLong(at);
    }

    @Override
    public double readDouble(int at) {
        try {
            return (double) DOUBLE.get(bytes, at);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 8);
        }
    }

    @Override
    public void writeF64(int at, double v) {
        try {
            DOUBLE.set(bytes, at, v);
        } catch (IndexOutOfBoundsException e) {
            throw trap(at, 8);
        }
    }
}
