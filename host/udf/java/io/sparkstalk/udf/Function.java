package io.sparkstalk.udf;

import java.io.Serializable;

/**
 * A scalar function of a task module, as Spark calls it. Spark wants a class of its own for each function, made without
 * arguments, that names one of its interfaces UDF0 to UDF10 itself; the host writes these few bytes, with a constructor
 * that passes a {@link Spec} in its text form.
 */
public abstract class Function implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String spec;
    private transient Spec parsed;

    protected Function(String spec) {
        this.spec = spec;
    }

    private Object invoke(Object... arguments) {
        Spec s = parsed;
        if (s == null) {
            s = parsed = Spec.parse(spec);
        }
        return Guest.of(s, getClass().getClassLoader()).call(s, arguments);
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
