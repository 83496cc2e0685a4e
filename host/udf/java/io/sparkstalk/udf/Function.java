package io.sparkstalk.udf;

import java.io.Serializable;
import java.lang.ref.WeakReference;

import run.endive.runtime.Machine;

/**
 * A scalar function of a task module, as Spark calls it. Spark wants a class of its own for each function, made without
 * arguments, that names one of its interfaces UDF0 to UDF10 itself; the host writes these few bytes, with a constructor
 * that passes a {@link Spec} in its text form.
 */
public abstract class Function implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String spec;
    private transient Spec parsed;
    /** The last thread's way to call it. The thread holds the instance, and lets go of it; this may live as long as a session. */
    private transient WeakReference<Call> last;

    protected Function(String spec) {
        this.spec = spec;
    }

    private Call way() {
        WeakReference<Call> known = last; // of threads that call it at once, each may see another's
        Call call = known == null ? null : known.get();
        return call != null && call.usable() ? call : find();
    }

    private Call find() {
        Spec s = parsed;
        if (s == null) {
            s = parsed = Spec.parse(spec);
        }
        Call call = Guest.call(s, getClass().getClassLoader());
        last = new WeakReference<>(call);
        return call;
    }

    private Object invoke(Object... arguments) {
        return way().with(this, arguments);
    }

    /** What the host's classes call if the result is a number: {@link Call} says why. */
    protected final Call number(Object a) {
        return way().number(this, a);
    }

    protected final Call number(Object a, Object b) {
        return way().number(this, a, b);
    }

    /**
     * Calls a function that returns a number of WASM's. The host's classes have the same, each its own: HotSpot keeps
     * books on each place of a call, and puts what is called in its place while there it is always of one module.
     */
    protected long enter(Machine machine, int index, long[] arguments) {
        return machine.call(index, arguments)[0];
    }

    public Object call() {
        return invoke();
    }

    public Object call(Object a) {
        return invoke(a);
    }

    public Object call(Object a, Object b) {
        return invoke(a, b);
    }

    public Object call(Object a, Object b, Object c) {
        return invoke(a, b, c);
    }

    public Object call(Object a, Object b, Object c, Object d) {
        return invoke(a, b, c, d);
    }

    public Object call(Object a, Object b, Object c, Object d, Object e) {
        return invoke(a, b, c, d, e);
    }

    public Object call(Object a, Object b, Object c, Object d, Object e, Object f) {
        return invoke(a, b, c, d, e, f);
    }

    public Object call(Object a, Object b, Object c, Object d, Object e, Object f, Object g) {
        return invoke(a, b, c, d, e, f, g);
    }

    public Object call(Object a, Object b, Object c, Object d, Object e, Object f, Object g, Object h) {
        return invoke(a, b, c, d, e, f, g, h);
    }

    public Object call(Object a, Object b, Object c, Object d, Object e, Object f, Object g, Object h, Object i) {
        return invoke(a, b, c, d, e, f, g, h, i);
    }

    public Object call(Object a, Object b, Object c, Object d, Object e, Object f, Object g, Object h, Object i, Object j) {
        return invoke(a, b, c, d, e, f, g, h, i, j);
    }
}
