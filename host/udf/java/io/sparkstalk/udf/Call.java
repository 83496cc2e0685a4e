package io.sparkstalk.udf;

/**
 * A function in an instance, found once for all of its calls. Only the instance's thread may call it.
 *
 * <p>Of calls with one or two arguments and a number as their result, HotSpot can leave out the objects that Spark puts
 * numbers into, on both sides, as long as nothing here keeps one: hence {@link #number}, and what it does with numbers.
 */
public final class Call {
    private final Thread thread = Thread.currentThread();
    private final Guest guest;
    private final Spec spec;
    private final Buffer buffer;
    private final int export;
    /** Whether the export takes and returns plain values. NULL in any argument is NULL then. */
    private final boolean plain;
    /** What the export gets. Bytes are a place in the buffer and a length in plain values. */
    private final long[] wasm;
    /** Arguments that were numbers, for messages. */
    private final long[] numbers;
    private int filled;
    private boolean skipped;

    /** The result of {@link #number}, as bits. */
    private long result;
    private boolean isNull;

    Call(Guest guest, Spec spec) {
        this.guest = guest;
        this.spec = spec;
        buffer = guest.buffer;
        plain = !spec.export.isEmpty();
        export = guest.need(plain ? spec.export : Guest.ENTRY);
        int wide = 0;
        for (Type t : spec.arguments) {
            wide += t.isBytes ? 2 : 1;
        }
        wasm = plain ? new long[wide] : new long[] {spec.index, 0};
        numbers = new long[spec.arguments.length];
    }

    /** Whether the thread that asks may call it, and its instance is still good. */
    boolean usable() {
        return thread == Thread.currentThread() && !guest.spoilt;
    }

    Object with(Function f, Object[] arguments) {
        try {
            begin();
            for (int i = 0; i < spec.arguments.length; i++) {
                put(i, arguments[spec.skip + i]);
            }
            if (skipped) {
                return null;
            }
            long packed = run(f);
            if (!plain) {
                return guest.answer(spec.result, packed);
            }
            if (!spec.result.isBytes) {
                return spec.result.fromWasm(packed);
            }
            byte[] bytes = guest.memory.readBytes((int) packed, Guest.bearable((int) (packed >>> 32)));
            return spec.result.isText ? Text.toSpark(bytes) : bytes;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError | LinkageError e) {
            throw guest.spoil(spec, arguments, e);
        }
    }

    /** Calls a function of one argument whose result is a number, which the caller asks for by its type. */
    Call number(Function f, Object a) {
        try {
            begin();
            put(0, a);
            finish(f);
            return this;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError | LinkageError e) {
            throw guest.spoil(spec, new Object[] {given(0, a)}, e);
        }
    }

    Call number(Function f, Object a, Object b) {
        try {
            begin();
            put(0, a);
            put(1, b);
            finish(f);
            return this;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError | LinkageError e) {
            throw guest.spoil(spec, new Object[] {given(0, a), given(1, b)}, e);
        }
    }

    private void begin() {
        buffer.begin();
        filled = 0;
        skipped = false;
    }

    private void put(int i, Object v) {
        Type type = spec.arguments[i];
        long n;
        if (v instanceof Long && type.whole) {
            n = (Long) v;
        } else if (v instanceof Integer && type.whole) {
            n = (Integer) v;
        } else if (v instanceof byte[] && type.isBytes) {
            int from = buffer.length();
            byte[] bytes = type.isText ? Text.toGuest((byte[]) v) : (byte[]) v;
            buffer.putBytes(bytes);
            if (plain) {
                wasm[filled++] = from + 5; // behind the mark of a value and its length
                wasm[filled++] = bytes.length;
            }
            return;
        } else {
            other(i, type, v);
            return;
        }
        numbers[i] = n;
        if (n < type.least || n > type.most) {
            throw new Guest.Failure("argument " + (i + 1) + ": " + n + " does not fit " + type.ddl);
        }
        if (plain) {
            wasm[filled++] = n;
        } else {
            buffer.putInteger(type.size, n);
        }
    }

    private void other(int i, Type type, Object v) {
        if (!plain) {
            guest.write(spec, i, v);
        } else if (v == null) {
            skipped = true;
        } else if (type.isBytes) {
            int from = buffer.length();
            guest.write(spec, i, v);
            wasm[filled++] = from + 5;
            wasm[filled++] = buffer.length() - from - 5;
        } else {
            try {
                wasm[filled++] = type.toWasm(v);
            } catch (IllegalArgumentException | ArithmeticException e) {
                throw new Guest.Failure("argument " + (i + 1) + ": " + e.getMessage());
            }
        }
    }

    /** An argument for a message: of a number another object, so that the first need not be one. */
    private Object given(int i, Object v) {
        if (spec.arguments[i].whole) {
            if (v instanceof Long) {
                return numbers[i];
            }
            if (v instanceof Integer) {
                return (int) numbers[i];
            }
        }
        return v;
    }

    private long run(Function f) {
        if (!plain) {
            wasm[1] = buffer.length();
        } else if (buffer.length() > 0) {
            place();
        }
        return f.enter(guest.machine, export, wasm);
    }

    /** Makes addresses of places in the buffer, which is complete. */
    private void place() {
        int n = 0;
        for (Type t : spec.arguments) {
            if (t.isBytes) {
                wasm[n] += buffer.place();
                n++;
            }
            n++;
        }
    }

    private void finish(Function f) {
        isNull = skipped;
        if (skipped) {
            return;
        }
        long r = run(f);
        result = plain ? r : answer(r);
    }

    /** Reads a number as {@link Guest#answer} does, or NULL. */
    private long answer(long packed) {
        int at = (int) packed;
        int size = spec.result.size;
        if (packed >>> 32 != 1 + size || guest.memory.read(at) != 1) {
            isNull = guest.answer(spec.result, packed) == null; // and if not it is malformed
            return 0;
        }
        switch (size) {
            case 1:
                return guest.memory.read(at + 1);
            case 2:
                return guest.memory.readShort(at + 1);
            case 4:
                return guest.memory.readInt(at + 1);
            default:
                return guest.memory.readLong(at + 1);
        }
    }

    // What the host's classes return.

    public Object asBoolean() {
        return isNull ? null : (Object) ((int) result != 0);
    }

    public Object asTinyint() {
        return isNull ? null : (Object) (byte) result;
    }

    public Object asSmallint() {
        return isNull ? null : (Object) (short) result;
    }

    public Object asInt() {
        return isNull ? null : (Object) (int) result;
    }

    public Object asBigint() {
        return isNull ? null : (Object) result;
    }

    public Object asFloat() {
        return isNull ? null : (Object) Float.intBitsToFloat((int) result);
    }

    public Object asDouble() {
        return isNull ? null : (Object) Double.longBitsToDouble(result);
    }
}
