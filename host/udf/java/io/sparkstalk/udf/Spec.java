package io.sparkstalk.udf;

/**
 * What there is to know of a function. Its text form has fields between tabs: the SHA-256 of the module's file in hex,
 * the function's index, its name, the export to call or nothing, the most pages of memory of an instance, the type of the
 * result, and the types of the arguments. A first argument of type "ignored" is there for Spark alone.
 */
final class Spec {
    final String module;
    final int index;
    final String name;
    /** An export that takes and returns plain values, or empty for sparkstalk_udf. */
    final String export;
    final int pages;
    final Type result;
    final Type[] arguments;
    /** How many of Spark's arguments come before those of the function. */
    final int skip;

    /** The module, once a call needed it. */
    Code code;

    private Spec(String[] field) {
        module = field[0];
        index = Integer.parseInt(field[1]);
        name = field[2];
        export = field[3];
        pages = Integer.parseInt(field[4]);
        result = Type.parse(field[5]);
        skip = field.length > 6 && field[6].equals("ignored") ? 1 : 0;
        arguments = new Type[field.length - 6 - skip];
        for (int i = 0; i < arguments.length; i++) {
            arguments[i] = Type.parse(field[6 + skip + i]);
        }
    }

    static Spec parse(String text) {
        return new Spec(text.split("\t", -1));
    }

    /** The call as people write it, for messages; long values are cut. */
    String describe(Object[] values) {
        StringBuilder out = new StringBuilder(name).append('(');
        for (int i = skip; i < values.length; i++) {
            if (i > skip) {
                out.append(", ");
            }
            if (out.length() > 400) {
                return out.append("…)").toString();
            }
            out.append(arguments[i - skip].shown(values[i]));
        }
        return out.append(')').toString();
    }
}
