package io.sparkstalk.udf;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;

import run.endive.runtime.ExportFunction;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;

/** An instance of a module and the thread's way into it. */
final class Guest {
    private static final String ENTRY = "sparkstalk_udf";
    private static final String BUFFER = "sparkstalk_udf_buffer";
    /** The steps of an aggregate. */
    static final byte UPDATE = 0;

    static final byte MERGE = 1;
    static final byte FINISH = 2;

    private static final String INITIALIZE = "_initialize";

    private final Code code;
    private final Wasi wasi = new Wasi();
    private final Instance instance;
    private final Memory memory;
    private final ExportFunction entry;
    private final ExportFunction room;
    private final HashMap<String, ExportFunction> exports = new HashMap<>();
    private final Buffer buffer = new Buffer();
    private int place;
    private int capacity = -1;

    Guest(Code code, Spec spec) {
        this.code = code;
        instance = code.instantiate(wasi, spec.pages);
        memory = instance.memory();
        if (has(INITIALIZE)) {
            instance.export(INITIALIZE).apply();
        }
        entry = has(ENTRY) ? instance.export(ENTRY) : null;
        room = has(BUFFER) ? instance.export(BUFFER) : null;
    }

    private boolean has(String export) {
        try {
            return instance.exportType(export) != null;
        } catch (RuntimeException e) { // Endive's way to say no
            return false;
        }
    }

    /** Returns this thread's instance of the function's module. */
    static Guest of(Spec spec, ClassLoader loader) {
        try {
            return Code.guest(spec, loader);
        } catch (RuntimeException | StackOverflowError e) {
            throw failure("start " + spec.name, null, e);
        }
    }

    Object call(Spec spec, Object[] arguments) {
        try {
            return spec.export.isEmpty() ? encoded(spec, arguments) : plain(spec, arguments);
        } catch (RuntimeException | StackOverflowError e) {
            code.forget(); // its memory may be in any state
            throw failure(spec.describe(arguments), wasi, e);
        }
    }

    /**
     * Spark shows an exception of the session's own classes as "unknown reason", since the driver cannot read it: so this
     * is one of Java's, without a cause.
     */
    private static RuntimeException failure(String what, Wasi wasi, Throwable e) {
        String why = e instanceof Failure ? e.getMessage() : e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage());
        String printed = wasi == null ? "" : wasi.printed();
        if (!printed.isEmpty()) {
            why = printed + " (" + why + ")";
        }
        RuntimeException plain = new RuntimeException(what + ": " + why);
        plain.setStackTrace(new StackTraceElement[0]);
        return plain;
    }

    /** What a guest says went wrong. */
    private static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Failure(String message) {
            super(message, null, false, false);
        }
    }

    /** Copies what was written to the buffer into the guest, and returns its place. */
    private int copy() {
        if (buffer.length > capacity) {
            if (room == null) {
                throw new Failure("the module has no export " + BUFFER);
            }
            capacity = Math.max(buffer.length, Math.max(256, 2 * capacity));
            place = (int) room.apply(capacity)[0];
        }
        if (buffer.length > 0) {
            memory.write(place, buffer.bytes, 0, buffer.length);
        }
        return place;
    }

    private Object encoded(Spec spec, Object[] arguments) {
        if (entry == null) {
            throw new Failure("the module has no export " + ENTRY);
        }
        buffer.length = 0;
        for (int i = 0; i < spec.arguments.length; i++) {
            write(spec, i, arguments[spec.skip + i]);
        }
        copy();
        return answer(spec.result, entry.apply(spec.index, buffer.length)[0]);
    }

    /**
     * Runs a step of an aggregate: its arguments are a state and, for an update, those of the function. finish says that
     * the answer is the result and not a state.
     */
    Object step(Spec spec, byte step, byte[] state, byte[] other, Object[] arguments) {
        try {
            if (entry == null) {
                throw new Failure("the module has no export " + ENTRY);
            }
            buffer.length = 0;
            buffer.putByte(step);
            Type.STATE.writeNullable(buffer, state);
            if (step == MERGE) {
                Type.STATE.writeNullable(buffer, other);
            }
            for (int i = 0; i < arguments.length; i++) {
                write(spec, i, arguments[i]);
            }
            copy();
            return answer(step == FINISH ? spec.result : Type.STATE, entry.apply(spec.index, buffer.length)[0]);
        } catch (RuntimeException | StackOverflowError e) {
            code.forget(); // its memory may be in any state
            throw failure(spec.describe(arguments), wasi, e);
        }
    }

    private void write(Spec spec, int i, Object value) {
        try {
            spec.arguments[i].writeNullable(buffer, value);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new Failure("argument " + (i + 1) + ": " + e.getMessage());
        }
    }

    private Object answer(Type type, long packed) {
        int at = (int) packed;
        int length = (int) (packed >>> 32) & 0x7fffffff;
        if (packed < 0) {
            throw new Failure(new String(memory.readBytes(at, Math.min(length, 4096)), StandardCharsets.UTF_8));
        }
        Type.Reader in = new Type.Reader(memory, at, length);
        Object out = type.readNullable(in);
        in.finish();
        return out;
    }

    /** Calls an export that takes and returns plain values. NULL in any argument is NULL. */
    private Object plain(Spec spec, Object[] arguments) {
        for (int i = spec.skip; i < arguments.length; i++) {
            if (arguments[i] == null) {
                return null;
            }
        }
        ExportFunction f = exports.computeIfAbsent(spec.export, instance::export);
        int wide = 0;
        buffer.length = 0;
        for (Type t : spec.arguments) {
            wide += t.isBytes() ? 2 : 1;
        }
        long[] numbers = new long[wide];
        int n = 0;
        for (int i = 0; i < spec.arguments.length; i++) {
            Object value = arguments[spec.skip + i];
            if (spec.arguments[i].isBytes()) {
                int from = buffer.length;
                write(spec, i, value);
                numbers[n++] = from + 5; // behind the mark of a value and its length
                numbers[n++] = buffer.length - from - 5;
                continue;
            }
            try {
                numbers[n++] = spec.arguments[i].toWasm(value);
            } catch (IllegalArgumentException | ArithmeticException e) {
                throw new Failure("argument " + (i + 1) + ": " + e.getMessage());
            }
        }
        if (buffer.length > 0) {
            int at = copy();
            n = 0;
            for (Type t : spec.arguments) {
                if (t.isBytes()) {
                    numbers[n] += at;
                    n++;
                }
                n++;
            }
        }
        long result = f.apply(numbers)[0];
        if (!spec.result.isBytes()) {
            return spec.result.fromWasm(result);
        }
        byte[] bytes = memory.readBytes((int) result, (int) (result >>> 32));
        return spec.result.isText() ? new String(bytes, StandardCharsets.UTF_8) : bytes;
    }
}
