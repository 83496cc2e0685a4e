package io.sparkstalk.udf;

import java.util.LinkedHashMap;
import java.util.Map;

import run.endive.compiler.Cache;

/**
 * What modules were compiled to, shared by all sessions in a JVM: each session has class loaders of its own, and so its
 * own copy of every class here. What holds it is one of the JVM's, and of its classes alone. Compiling a module of Go's
 * takes seconds, and a hundredth of its memory to keep.
 */
final class Compiled implements Cache {
    private static final String KEY = "io.sparkstalk.udf.compiled.1";
    private static final int MOST = 64;

    private final Map<Object, Object> shared = shared();

    @SuppressWarnings("unchecked")
    private static Map<Object, Object> shared() {
        synchronized (System.getProperties()) {
            Object known = System.getProperties().get(KEY);
            if (known == null) {
                // In the order of use, the oldest first.
                known = new LinkedHashMap<Object, Object>(16, 0.75f, true);
                System.getProperties().put(KEY, known);
            }
            return (Map<Object, Object>) known;
        }
    }

    @Override
    public byte[] get(String key) {
        synchronized (shared) {
            return (byte[]) shared.get(key);
        }
    }

    @Override
    public void putIfAbsent(String key, byte[] data) {
        synchronized (shared) {
            shared.putIfAbsent(key, data);
            while (shared.size() > MOST) {
                shared.remove(shared.keySet().iterator().next());
            }
        }
    }
}
