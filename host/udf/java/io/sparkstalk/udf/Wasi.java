package io.sparkstalk.udf;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;

import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.runtime.WasmFunctionHandle;

/**
 * What of wasi_snapshot_preview1 a language's runtime cannot start without: clocks, random numbers, and an output that
 * goes into the message if a call fails. There are no files, arguments, environment or network, and no functions of the
 * host's.
 */
final class Wasi {
    private static final String MODULE = "wasi_snapshot_preview1";
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final long START = System.nanoTime();

    private static final int OK = 0;
    private static final int BAD_FILE = 8;
    private static final int INVALID = 28;
    private static final int NOT_SUPPORTED = 52;

    private static final int MOST_PRINTED = 2048;
    private static final int MOST_RANDOM = 4096;

    private final StringBuilder printed = new StringBuilder();

    /** Returns what was printed since the last call of this, without the empty lines around it. */
    String printed() {
        String out = printed.toString().strip();
        printed.setLength(0);
        return out;
    }

    WasmFunctionHandle function(String module, String name) {
        if (!module.equals(MODULE)) {
            return (instance, a) -> {
                throw new IllegalStateException("it calls " + module + "." + name + ", which only tasks may");
            };
        }
        switch (name) {
            case "fd_write":
                return this::write;
            case "clock_time_get":
                return Wasi::time;
            case "clock_res_get":
                return (instance, a) -> {
                    instance.memory().writeLong((int) a[1], 1_000_000L);
                    return errno(OK);
                };
            case "random_get":
                return Wasi::random;
            case "args_sizes_get":
            case "environ_sizes_get":
                return (instance, a) -> {
                    instance.memory().writeI32((int) a[0], 0);
                    instance.memory().writeI32((int) a[1], 0);
                    return errno(OK);
                };
            case "args_get":
            case "environ_get":
            case "sched_yield":
                return (instance, a) -> errno(OK);
            case "poll_oneoff":
                return Wasi::poll;
            case "proc_exit":
                return (instance, a) -> {
                    throw new IllegalStateException("it exited with " + (int) a[0]);
                };
            case "fd_fdstat_get":
                return Wasi::stat;
            default:
                int answer = name.startsWith("fd_") || name.startsWith("path_") ? BAD_FILE : NOT_SUPPORTED;
                return (instance, a) -> errno(answer);
        }
    }

    private static long[] errno(int code) {
        return new long[] {code};
    }

    private long[] write(Instance instance, long... a) {
        int fd = (int) a[0];
        if (fd != 1 && fd != 2) {
            return errno(BAD_FILE);
        }
        Memory memory = instance.memory();
        int total = 0;
        for (int i = 0; i < (int) a[2]; i++) {
            int vector = (int) a[1] + 8 * i;
            int length = memory.readInt(vector + 4);
            total += length;
            int keep = Math.min(length, MOST_PRINTED - printed.length());
            if (keep > 0) {
                printed.append(new String(memory.readBytes(memory.readInt(vector), keep), StandardCharsets.UTF_8));
            }
        }
        memory.writeI32((int) a[3], total);
        return errno(OK);
    }

    /** Standard streams are character devices; there is nothing else. */
    private static long[] stat(Instance instance, long... a) {
        if (a[0] < 0 || a[0] > 2) {
            return errno(BAD_FILE);
        }
        Memory memory = instance.memory();
        memory.writeLong((int) a[1], 2);
        memory.writeLong((int) a[1] + 8, 0);
        memory.writeLong((int) a[1] + 16, 0);
        return errno(OK);
    }

    private static long[] time(Instance instance, long... a) {
        long now = (int) a[0] == 0 ? System.currentTimeMillis() * 1_000_000L : System.nanoTime() - START;
        instance.memory().writeLong((int) a[2], now);
        return errno(OK);
    }

    private static long[] random(Instance instance, long... a) {
        Memory memory = instance.memory();
        int at = (int) a[0];
        int n = (int) a[1];
        memory.fill((byte) 0, at, at + n); // traps unless all of it is memory
        byte[] piece = new byte[Math.min(n, MOST_RANDOM)];
        for (int done = 0; done < n; done += piece.length) {
            RANDOM.nextBytes(piece);
            memory.write(at + done, piece, 0, Math.min(piece.length, n - done));
        }
        return errno(OK);
    }

    /** Sleeps until the first of the clocks that are asked for. */
    private static long[] poll(Instance instance, long... a) {
        Memory memory = instance.memory();
        long shortest = Long.MAX_VALUE;
        int first = -1;
        for (int i = 0; i < (int) a[2]; i++) {
            int subscription = (int) a[0] + 48 * i;
            if (memory.read(subscription + 8) != 0) {
                continue;
            }
            long wait = memory.readLong(subscription + 24);
            if ((memory.readShort(subscription + 40) & 1) != 0) { // a time, not a span
                wait -= memory.readInt(subscription + 16) == 0 ? System.currentTimeMillis() * 1_000_000L : System.nanoTime() - START;
            }
            if (wait < shortest) {
                shortest = wait;
                first = subscription;
            }
        }
        if (first < 0) {
            return errno(INVALID);
        }
        try {
            if (shortest > 0) {
                Thread.sleep(shortest / 1_000_000L, (int) (shortest % 1_000_000L));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted");
        }
        int event = (int) a[1];
        memory.writeLong(event, memory.readLong(first));
        memory.writeLong(event + 8, 0);
        memory.writeI32((int) a[3], 1);
        return errno(OK);
    }
}
