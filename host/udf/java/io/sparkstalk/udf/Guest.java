package io.sparkstalk.udf;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;

import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.types.Export;
import run.endive.wasm.types.ExportSection;
import run.endive.wasm.types.ExternalType;

/** An instance of a module and the thread's way into it. */
final class Guest {
    static final String ENTRY = "sparkstalk_udf";
    /** The steps of an aggregate. */
    static final byte UPDATE = 0;

    static final byte MERGE = 1;
    static final byte FINISH = 2;

    private static final String INITIALIZE = "_initialize";
    /** The most bytes of a result. Spark makes several copies of a row, and an executor that cannot hold them ends. */
    static final long MOST_RESULT = Math.min(64 << 20, Runtime.getRuntime().maxMemory() / 16);

    private final Code code;
    private final Wasi wasi = new Wasi();
    private final ExportSection exports;
    private final int entry;
    private final HashMap<Integer, Call> calls = new HashMap<>();
    final Machine machine;
    final FlatMemory memory;
    final Buffer buffer;
    /** A call has failed, and the instance's memory may be in any state. */
    boolean spoilt;

    Guest(Code code, Spec spec) {
        this.code = code;
        Instance instance = code.instantiate(wasi, spec.pages);
        exports = instance.module().exportSection();
        machine = instance.getMachine();
        memory = (FlatMemory) instance.memory();
        int initialize = export(INITIALIZE);
        if (initialize >= 0) {
            machine.call(initialize, new long[0]);
        }
        entry = export(ENTRY);
        buffer = new Buffer(this);
    }

    /** Returns the index of an exported function, or -1. */
    int export(String name) {
        for (int i = 0; i < exports.exportCount(); i++) {
            Export e = exports.getExport(i);
            if (e.exportType() == ExternalType.FUNCTION && e.name().equals(name)) {
                return e.index();
            }
        }
        return -1;
    }

    int need(String name) {
        int index = export(name);
        if (index < 0) {
            throw new Failure("the module has no export " + name);
        }
        return index;
    }

    /** Returns this thread's instance of the function's module. */
    static Guest of(Spec spec, ClassLoader loader) {
        try {
            return Code.guest(spec, loader);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError | LinkageError e) {
            throw failure("start " + spec.name, null, e);
        }
    }

    /** Returns this thread's way to call a function. */
    static Call call(Spec spec, ClassLoader loader) {
        Guest guest = of(spec, loader);
        try {
            return guest.calls.computeIfAbsent(spec.index, index -> new Call(guest, spec));
        } catch (Failure e) {
            throw failure(spec.name, null, e);
        }
    }

    /**
     * Gives up the instance for a call that failed, and returns what Spark is told. Errors are among the failures: what a
     * module makes of memory, stack and classes fails its query, where Spark would end the executor.
     */
    RuntimeException spoil(Spec spec, Object[] arguments, Throwable e) {
        spoilt = true;
        code.forget();
        return failure(spec.describe(arguments), wasi, e);
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

    /** Returns the length of a result, which is not too much for the executor. */
    static int bearable(int length) {
        if (Integer.toUnsignedLong(length) > MOST_RESULT) {
            throw new Failure("its result has " + Integer.toUnsignedString(length) + " bytes; an executor with this heap takes " + MOST_RESULT);
        }
        return length;
    }

    /** What a guest says went wrong. */
    static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Failure(String message) {
            super(message, null, false, false);
        }
    }

    /**
     * Runs a step of an aggregate: its arguments are a state and, for an update, those of the function. finish says that
     * the answer is the result and not a state.
     */
    Object step(Spec spec, byte step, byte[] state, byte[] other, Object[] arguments) {
        try {
            if (entry < 0) {
                throw new Failure("the module has no export " + ENTRY);
            }
            buffer.begin();
            buffer.putByte(step);
            Type.STATE.writeNullable(buffer, state);
            if (step == MERGE) {
                Type.STATE.writeNullable(buffer, other);
            }
            for (int i = 0; i < arguments.length; i++) {
                write(spec, i, arguments[i]);
            }
            return answer(step == FINISH ? spec.result : Type.STATE, machine.call(entry, new long[] {spec.index, buffer.length()})[0]);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError | LinkageError e) {
            throw spoil(spec, arguments, e);
        }
    }

    /** Writes an argument to the buffer. */
    void write(Spec spec, int i, Object value) {
        try {
            spec.arguments[i].writeNullable(buffer, value);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new Failure("argument " + (i + 1) + ": " + e.getMessage());
        }
    }

    /** Reads what {@link #ENTRY} returned. */
    Object answer(Type type, long packed) {
        int at = (int) packed;
        int length = (int) (packed >>> 32) & 0x7fffffff;
        if (packed < 0) {
            throw new Failure(new String(memory.readBytes(at, Math.min(length, 4096)), StandardCharsets.UTF_8));
        }
        Type.Reader in = new Type.Reader(memory, at, bearable(length));
        Object out = type.readNullable(in);
        in.finish();
        return out;
    }
}
